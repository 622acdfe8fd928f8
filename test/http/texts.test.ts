import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse as parseYaml } from 'yaml';
import { createTexts, type LanguageWishes } from '../../src/http/texts.ts';

const texts = createTexts();
const chosen = (wishes: LanguageWishes) => texts.forLanguage(wishes).code;
const read = (file: string) => parseYaml(readFileSync(`views/texts/${file}`, 'utf8')) as Record<string, string>;

describe('the language of a page', () => {
  it('is what the person just chose, before anything else', () => {
    expect(chosen({ chosen: 'fr', uiLocales: 'ar', cookie: 'fa', acceptLanguage: 'en' })).to.equal('fr');
  });

  it('is else what the application asks for, then the cookie, the browser and the tenant', () => {
    expect(chosen({ uiLocales: 'ar', cookie: 'fa', acceptLanguage: 'fr', tenantDefault: 'en' })).to.equal('ar');
    expect(chosen({ cookie: 'fa', acceptLanguage: 'fr', tenantDefault: 'en' })).to.equal('fa');
    expect(chosen({ acceptLanguage: 'fr', tenantDefault: 'ar' })).to.equal('fr');
    expect(chosen({ tenantDefault: 'ar' })).to.equal('ar');
    expect(chosen({})).to.equal('en');
  });

  it('passes over languages that there are no texts in', () => {
    expect(chosen({ uiLocales: 'de sv fr-CA en', cookie: 'fa' })).to.equal('fr');
    expect(chosen({ uiLocales: 'de', acceptLanguage: 'ja, ko;q=0.8', tenantDefault: 'fa-IR' })).to.equal('fa');
  });

  it('follows the weights of the browser', () => {
    expect(chosen({ acceptLanguage: 'en;q=0.5, fr-CH;q=0.9, ar;q=0.7' })).to.equal('fr');
    expect(chosen({ acceptLanguage: 'fr;q=0, ar;q=0.1' })).to.equal('ar');
    expect(chosen({ acceptLanguage: '*, fr;q=0.1' })).to.equal('fr');
  });

  it('is not found in nonsense', () => {
    for (const nonsense of ['../../etc/passwd', '__proto__', 'fr\u0000', ';;;,,,', 'fr;q=2', 'constructor']) {
      expect(chosen({ chosen: nonsense, acceptLanguage: nonsense })).to.equal('en');
    }
  });

  it('is looked for in the first 256 characters only', () => {
    const late = `${'de, '.repeat(64)}fr`;
    expect(chosen({ acceptLanguage: late.slice(4) })).to.equal('fr');
    expect(chosen({ acceptLanguage: late })).to.equal('en');
  });

  it('is written from the right in Arabic and Persian', () => {
    expect(texts.languages.map(({ code, direction }) => `${code} ${direction}`)).to.deep.equal([
      'en ltr',
      'ar rtl',
      'fa rtl',
      'fr ltr',
    ]);
  });
});

describe('the texts', () => {
  const files = readdirSync('views/texts');
  const english = read('en.yaml');

  for (const file of files) {
    it(`of ${file} have the keys and placeholders of the English ones, and no markup`, () => {
      const own = read(file);
      const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([found]) => found).sort();
      expect(Object.keys(own)).to.deep.equal(Object.keys(english));
      for (const [key, text] of Object.entries(own)) {
        expect(text, key).not.to.match(/[<>&]/);
        expect(placeholders(text), key).to.deep.equal(placeholders(english[key]!));
      }
    });
  }

  it('do not load when a language lacks one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'texts-'));
    try {
      writeFileSync(join(folder, 'en.yaml'), 'a: A\nb: B\n');
      writeFileSync(join(folder, 'fr.yaml'), 'a: A\n');
      expect(() => createTexts(folder)).to.throw('differs from en.yaml in b');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a text', () => {
  const english = texts.forLanguage({ chosen: 'en' });
  const arabic = texts.forLanguage({ chosen: 'ar' });

  it('takes its values as they are, not as further placeholders', () => {
    expect(english.t('login.for', { client: '{client} $& $1' })).to.equal('to continue to {client} $& $1');
  });

  it('keeps a name of the other direction apart from its sentence', () => {
    expect(arabic.t('login.for', { client: 'Acme' })).to.equal('للمتابعة إلى \u2068Acme\u2069');
    expect(english.t('login.for', { client: 'مكتبة' })).to.equal('to continue to \u2068مكتبة\u2069');
  });

  it('does not let a name turn what stands after it', () => {
    expect(english.t('login.for', { client: 'Acme\u202egnp.exe' })).to.equal('to continue to Acmegnp.exe');
  });

  it('writes numbers in the digits of its dates, and days as the language counts them', () => {
    const persian = texts.forLanguage({ chosen: 'fa' });
    expect(english.t('new_password.hint', { count: 12 })).to.include('At least 12 characters');
    expect(persian.t('new_password.hint', { count: 12 })).to.include('۱۲');
    expect([1, 30].map(english.days)).to.deep.equal(['1 day', '30 days']);
    expect([2, 3].map(arabic.days)).to.deep.equal(['يومان', '3 أيام']);
    expect(persian.days(30)).to.equal('۳۰ روز');
  });

  it('that is not there, or lacks a value, is a bug', () => {
    expect(() => english.t('no.such.text')).to.throw('no.such.text');
    expect(() => english.t('login.for')).to.throw('needs client');
    expect(() => english.t('login.for', Object.create({ client: 'inherited' }))).to.throw('needs client');
  });

  it('tells a moment in the calendar and digits of its language', () => {
    const moment = new Date('2026-11-24T14:05:00Z');
    expect(english.date(moment)).to.match(/^November 24, 2026 at 2:05\sPM \(UTC\)$/);
    expect(texts.forLanguage({ chosen: 'fa' }).date(moment))
      .to.include('آذر')
      .and.include('۱۴۰۵');
    expect(texts.forLanguage({ chosen: 'fr' }).date(moment, 'Europe/Paris'))
      .to.include('24 novembre 2026')
      .and.include('15:05');
  });
});
