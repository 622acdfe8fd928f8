import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { BadBlueprint, parseBlueprint, printBlueprint, readBlueprint } from '../../src/cli/blueprint-file.ts';
import { blueprintJsonSchema } from '../../src/cli/blueprint-schema.ts';
import { LIMITS } from '../../src/kernel/limits.ts';

const mistakesOf = (source: string): string[] => {
  try {
    parseBlueprint(source);
    return [];
  } catch (error) {
    if (!(error instanceof BadBlueprint)) throw error;
    return error.mistakes.map(({ path, message }) => `${path}: ${message}`);
  }
};

describe('a file of tenants', () => {
  it('is YAML 1.2 or JSON', () => {
    expect(parseBlueprint('tenants: [{ slug: acme, country: "NO" }]')).to.deep.equal({
      tenants: [{ slug: 'acme', country: 'NO' }],
    });
    expect(parseBlueprint('{"tenants":[{"slug":"acme"}]}')).to.deep.equal({ tenants: [{ slug: 'acme' }] });
    expect(parseBlueprint('tenants: [{ slug: acme, country: NO }]').tenants[0]).to.include({ country: 'NO' });
  });

  it('has every mistake told with its path', () => {
    expect(
      mistakesOf(
        'tenants:\n - slug: Acme\n   colour: red\n   users: [{ email: 1 }, { phone: "+1" }]\n   clients: [{ clientId: a, kind: robot }]',
      ),
    ).to.deep.equal([
      'tenants[0].slug: must be lower-case letters, digits and inner hyphens',
      'tenants[0].users[0].email: Invalid input: expected string, received number',
      'tenants[0].users[1].email: Invalid input: expected string, received undefined',
      'tenants[0].clients[0].kind: Invalid option: expected one of "web"|"spa"|"native"|"service"|"partner"',
      'tenants[0].colour: is not known here',
    ]);
    expect(mistakesOf('')).to.deep.equal(['(file): Invalid input: expected object, received null']);
    expect(mistakesOf('tenants: []\nmore: 1')).to.deep.equal(['more: is not known here']);
    expect(mistakesOf('tenants: [{ slug: a, users: [{ email: a@b.c, password: x, passwordHash: y }] }]')).to.deep.equal(
      ['tenants[0].users[0]: has both password and passwordHash'],
    );
  });

  it('that is no YAML is told by line and column', () => {
    expect(mistakesOf('tenants:\n  - slug: "acme')[0]).to.match(/^line 2, column \d+: /);
    expect(mistakesOf('tenants: []\ntenants: []')[0]).to.match(/^line 2, column 1: Map keys must be unique/);
  });

  it('has no key that reaches for a prototype', () => {
    expect(mistakesOf('tenants: [{ slug: a, __proto__: { status: suspended } }]')).to.deep.equal([
      'tenants[0].__proto__: is not known here',
    ]);
    expect(({} as Record<string, unknown>)['status']).to.equal(undefined);
  });

  it('may repeat itself by aliases, so far as that stays small', () => {
    expect(parseBlueprint('tenants:\n - &a { slug: acme }\n - *a').tenants).to.have.lengthOf(2);
    const bomb = [
      'a0: &a0 [x, x]',
      ...Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}, *a${n}, *a${n}]`),
    ].join('\n');
    expect(mistakesOf(bomb)).to.deep.equal(['(file): repeats itself too often by aliases']);
    expect(mistakesOf('tenants: *nowhere')[0]).to.match(/^\(file\): Unresolved alias/);
    const many = `x: &x 1\ntenants: [${'*x, '.repeat(LIMITS.applyAliases)}*x]`;
    expect(mistakesOf(many)).to.deep.equal(['(file): repeats itself too often by aliases']);
  });

  it('is no larger than its limit', () => {
    expect(mistakesOf(`tenants: []${' '.repeat(LIMITS.applyFileBytes - 10)}`)).to.deep.equal(['(file): is too large']);
  });

  it('is printed as it is read, and names its schema', () => {
    const document = readBlueprint('examples/acme.yaml');
    const text = printBlueprint(document);
    expect(text).to.match(/^# yaml-language-server: \$schema=docs\/blueprint\.schema\.json\ntenants:\n/);
    expect(parseBlueprint(text)).to.deep.equal(document);
  });

  it('keeps texts that YAML could take for something else', () => {
    const name = ['no', '1.0', '~', ' # x', 'a: b', '2026-01-01', '0x10', '"', "'", '\\'].join('|');
    for (const text of [...name.split('|').filter(Boolean), 'é\u2028', 'null', 'true']) {
      const document = { tenants: [{ slug: 'a', roles: [{ name: 'r', displayName: text }] }] };
      expect(parseBlueprint(printBlueprint(document)), text).to.deep.equal(document);
    }
  });
});

describe('the JSON Schema of the file', () => {
  it('is up to date (gatehouse schema > docs/blueprint.schema.json)', () => {
    expect(JSON.parse(readFileSync('docs/blueprint.schema.json', 'utf8'))).to.deep.equal(blueprintJsonSchema());
  });
});
