import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

const documents = globSync(['*.md', 'src/*.md', 'docs/**/*.md']);
const packageJson = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

/** A path that a text names: a file, a folder, or a pattern. */
const isThere = (path: string) => existsSync(path) || globSync(path).length > 0;

describe('the documents', () => {
  it('are there', () => {
    for (const name of [
      'README.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'CHANGELOG.md',
      'src/ARCHITECTURE.md',
      'src/GLOSSARY.md',
    ]) {
      expect(documents).to.include(name);
    }
  });

  it('are found from the first of them', () => {
    const found = new Set(['README.md']);
    for (const document of found) {
      for (const [, target] of readFileSync(document, 'utf8').matchAll(/\]\(([^)#\s]+\.md)[^)]*\)/g))
        if (!target!.startsWith('http')) found.add(join(dirname(document), target!));
    }
    expect(
      documents.filter((document) => !document.startsWith('docs/decisions/') && !found.has(document)),
    ).to.deep.equal([]);
  });

  for (const document of documents) {
    const text = readFileSync(document, 'utf8');

    it(`${document}: its links lead somewhere`, () => {
      const targets = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target]) => target!);
      const own = targets.filter((target) => !/^https?:/.test(target));
      expect(own.filter((target) => !existsSync(join(dirname(document), target)))).to.deep.equal([]);
    });

    it(`${document}: the files and commands that it names are there`, () => {
      const named = [...text.matchAll(/`((?:src|test|views|config|examples|migrations)\/[\w./*-]*)`/g)].map(
        ([, path]) => path!,
      );
      expect(named.filter((path) => !isThere(path))).to.deep.equal([]);
      const scripts = [...text.matchAll(/npm run ([\w-]+)/g)].map(([, name]) => name!);
      expect(scripts.filter((name) => !(name in packageJson.scripts))).to.deep.equal([]);
    });
  }

  it('has one line for each case of attack on tenants, keys, input, servers outside, people, races and webhooks', () => {
    const text = readFileSync('docs/security-cases.md', 'utf8');
    const cases = [...text.matchAll(/^\| ((?:TN|AK|IN|SS|PR|CO|WH)\d\d) /gm)].map(([, id]) => id!);
    expect(cases).to.have.length.above(60);
    expect(cases.filter((id, at) => cases.indexOf(id) !== at)).to.deep.equal([]);
  });

  it('decisions are numbered without gaps, and each says its number', () => {
    const files = readdirSync('docs/decisions').sort();
    for (const [at, file] of files.entries()) {
      expect(Number(file.slice(0, 4)), file).to.equal(at + 1);
      expect(readFileSync(`docs/decisions/${file}`, 'utf8')).to.match(
        new RegExp(`^# ${at + 1}\\. .+\\n\\n## Context\\n[^]+\\n## Decision\\n[^]+\\n## Consequences\\n`),
      );
    }
  });
});
