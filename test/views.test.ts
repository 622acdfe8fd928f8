import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse as parseYaml } from 'yaml';
import { VIEWS } from '../src/http/pages.ts';
import { PROBLEM_CODES } from '../src/http/shown.ts';

const pages = readdirSync('views').filter((file) => file.endsWith('.ejs'));
const parts = readdirSync('views/parts').map((file) => `parts/${file}`);
const textOf = (file: string) => readFileSync(`views/${file}`, 'utf8');
const stylesheets = () =>
  ['gatehouse.css', 'account.css'].map((file) => readFileSync(`views/assets/${file}`, 'utf8')).join('\n');
const english = Object.keys(parseYaml(readFileSync('views/texts/en.yaml', 'utf8')) as object);

for (const file of [...pages, ...parts]) {
  const text = textOf(file);

  describe(`views/${file}`, () => {
    it('says in its first line what it needs', () => {
      expect(text.split('\n')[0]).to.match(/^<%# .+ Needs .+ -%>$/);
    });

    it('writes nothing but its parts unescaped', () => {
      expect([...text.matchAll(/<%-(?!\s*include\('[a-z/-]+'[,)])/g)].map(([found]) => found)).to.deep.equal([]);
    });

    it('puts values into quoted attributes only', () => {
      expect(text).not.to.match(/=\s*<%[=-]/);
    });

    it('has no script but the one that a page may ask for, no style of its own and no address that runs code', () => {
      const own = file === 'parts/document.ejs' ? '<script src="<%= page.script %>" defer></script>' : '';
      expect(text).to.include(own);
      expect(text.replace(own, '')).not.to.match(/<script|<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:/i);
    });

    it('proves in every POST form that the page was ours', () => {
      for (const [form] of text.matchAll(/<form[^>]*method="post"[\s\S]*?<\/form>/g)) {
        const proof = form.includes('id="op.')
          ? 'name="xsrf" value="<%= data.xsrf %>"'
          : 'name="csrf" value="<%= data.csrf %>"';
        expect(form).to.include(`<input type="hidden" ${proof}>`);
      }
    });

    it('sends forms by POST only', () => {
      for (const [tag] of text.matchAll(/<form\b[^>]*>/g)) expect(tag).to.include('method="post"');
    });

    it('takes every text from the files', () => {
      for (const [, key] of text.matchAll(/\bt\('([\w.]+)'[,)]/g)) expect(english).to.include(key);
    });
  });
}

describe('the views', () => {
  it('are those that a page can be made of', () => {
    expect(pages.map((file) => file.replace('.ejs', ''))).to.have.members(VIEWS);
  });

  it('have a text for every problem, and no other', () => {
    expect(english.flatMap((key) => /^problem\.(\w+)$/.exec(key)?.[1] ?? [])).to.have.members(PROBLEM_CODES);
  });

  it('use every text there is', () => {
    const source = [...pages, ...parts].map(textOf).join('\n') + readFileSync('src/http/render.ts', 'utf8');
    const composed =
      /^(scope|claim|problem|error\.\w+|device_done|new_password|language|factor\.(totp|email|sms|backup_code|webauthn)|enrol_totp|enrol_passkey|letter_sent|done|dead_link|confirm_email|self\.(note|confirm\.\w+|codes\.first|security\.(add|replace)|password\.rule|privacy(?=\.(marketing|analytics|third_party|essential)(_short)?$)|\w+(?=\.(name|about|totp|webauthn|email|sms)$)))\./;
    expect(english.filter((key) => !source.includes(`'${key}'`) && !composed.test(key))).to.deep.equal([]);
  });

  it('are laid out without left and right, so that they can be mirrored', () => {
    const css = stylesheets();
    expect(css).not.to.match(
      /(margin|padding|border)-(left|right|top|bottom)|(^|[\s;{])(left|right|float)\s*:|text-align:\s*(left|right)/,
    );
  });

  /** Every script there is, and what each may fetch. */
  const SCRIPTS: Record<string, readonly string[]> = { 'altcha.js': [], 'passkeys.js': ['location.href'] };

  it('have two scripts, which write no markup, run no text and ask nobody but us', () => {
    expect(readdirSync('views/assets').filter((file) => file.endsWith('.js'))).to.deep.equal(Object.keys(SCRIPTS));
    for (const [file, addresses] of Object.entries(SCRIPTS)) {
      const script = readFileSync(`views/assets/${file}`, 'utf8');
      expect(script, file).not.to.match(
        /innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|setAttribute\('on/,
      );
      expect([...script.matchAll(/fetch\(([^,)]*)/g)].map(([, address]) => address)).to.deep.equal(addresses);
      expect(script, file).not.to.match(/https?:\/\/|import\(|WebSocket|sendBeacon|XMLHttpRequest/);
    }
  });

  it('ask for nothing from elsewhere', () => {
    const css = stylesheets();
    expect(css).not.to.match(/@import|url\(/);
  });
});
