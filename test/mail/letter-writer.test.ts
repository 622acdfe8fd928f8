import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { parse as parseYaml } from 'yaml';
import type { LetterValues } from '../../src/domain/mail/letter.ts';
import { describeInBrowser, openChromium } from '../support/chromium.ts';
import { LETTER_VALUES, SENDER, TEMPLATES, writtenLetter } from '../support/letter-gallery.ts';

const LANGUAGES = ['en', 'ar', 'fr', 'fa'] as const;
const linksIn = (text: string) => [...new Set(text.match(/https?:\/\/[^\s"<]+/g) ?? [])];
const unescaped = (html: string) =>
  html.replace(/&(amp|lt|gt|#34|#39);/g, (_all, name: string) => UNESCAPED[name] as string);
const UNESCAPED: Record<string, string> = { amp: '&', lt: '<', gt: '>', '#34': '"', '#39': "'" };

describe('letters', () => {
  for (const template of TEMPLATES) {
    for (const language of LANGUAGES) {
      it(`${template}, in ${language}: two parts that say the same`, () => {
        const { subject, text, html, ...written } = writtenLetter(template, { language });

        expect(written.language).to.equal(language);
        expect(html).to.include(`lang="${language}" dir="${['ar', 'fa'].includes(language) ? 'rtl' : 'ltr'}"`);
        for (const part of [subject, text, html.replace(/<style>[\s\S]*<\/style>/, '')])
          expect(part).not.to.match(/\{\w+\}|undefined|\[object|NaN|Invalid Date/);
        expect(subject)
          .to.match(/\S/)
          .and.not.match(/\p{Cc}/u);
        expect(linksIn(text).length).to.equal(linksIn(unescaped(html)).filter((link) => link !== XHTML).length);
        const { code } = LETTER_VALUES[template] as { code?: string };
        if (code !== undefined) expect([text, html].every((part) => part.includes(code))).to.equal(true);
        // Each sentence of the text stands in the HTML too.
        for (const line of text.split('\n').filter((each) => /[\p{L}]/u.test(each) && !each.includes(':')))
          expect(unescaped(html)).to.include(line.trim());
      });
    }
  }

  it('lead nowhere but below the issuer', () => {
    const all = TEMPLATES.flatMap((template) => linksIn(writtenLetter(template).text));
    expect(all).not.to.deep.equal([]);
    // The address of a webhook is text, and is shown without what may be secret in it.
    const others = all.filter((link) => !link.startsWith(`${SENDER.issuer}/`));
    expect(others).to.deep.equal(['https://hooks.example.org']);
    const platform = writtenLetter('password-reset', { issuer: 'https://id.example' });
    expect(linksIn(platform.text)[0]).to.match(/^https:\/\/id\.example\/recovery\/confirm\?token=/);
  });

  it('escape what people have called themselves and their organisation', () => {
    const evil = '<img src=x onerror=alert(1)>"\'&';
    const { html, subject } = writtenLetter('invite', {
      values: { ...LETTER_VALUES.invite, organisation: evil },
      brand: evil,
      name: evil,
    });
    expect(html).not.to.include('<img').and.not.include('"\'&');
    expect(subject).to.equal(`You are invited to ${evil}`);
  });

  it('name a person only by what looks like a name', () => {
    const greeting = (name: string) => writtenLetter('welcome', { name }).text.split('\n')[0];
    expect(greeting('Zoë O’Neil-Smith 2')).to.equal('Hello Zoë O’Neil-Smith 2,');
    for (const name of ['', 'win.example', 'Visit https://evil.example', 'a@b.example', 'A\r\nBcc: x'])
      expect(greeting(name), name).to.equal('Hello,');
    const invite: LetterValues['invite'] = { ...LETTER_VALUES.invite, inviter: 'evil.example/win' };
    expect(writtenLetter('invite', { values: invite }).text)
      .to.include('You are invited to join')
      .and.not.include('evil');
  });

  it('keep line breaks out of the subject, whatever the tenant is called', () => {
    expect(writtenLetter('welcome', { brand: 'A\r\nBcc: b@example.com\u2028c' }).subject).to.equal(
      'Welcome to A Bcc: b@example.com c',
    );
  });

  it('say times in the zone and the calendar of the reader', () => {
    const { text } = writtenLetter('new-device', { timezone: 'America/New_York' });
    expect(text).to.match(/November 24, 2026 at 9:05\sAM \(America\/New_York\)/);
    expect(writtenLetter('new-device', { language: 'fa' }).text).to.include('۱۴۰۵');
  });

  it('say how long something is good for, in words', () => {
    const span = (minutes: number, language = 'en') =>
      writtenLetter('verify-email', { language, values: { ...LETTER_VALUES['verify-email'], minutes } }).text;
    expect(span(30)).to.include('30 minutes');
    expect(span(1_440)).to.include('24 hours');
    expect(span(10_080)).to.include('7 days');
    expect(span(30, 'fr')).to.include('30 minutes');
  });

  it('do not show the new address to the old one', () => {
    const { text, html } = writtenLetter('email-changed');
    for (const part of [text, html]) expect(part).to.include('a•••@example.org').and.not.include('ann.new');
  });

  it('show a device by names that we know, and leave out what says nothing', () => {
    const deed = { ...LETTER_VALUES['new-device'], userAgent: 'Win a prize at https://evil.example', ip: undefined };
    const { text } = writtenLetter('new-device', { values: deed });
    expect(text).not.to.include('evil').and.not.include('IP address').and.not.include('Device');
  });

  it('are in the tenant’s language where the reader’s is not known, and in English where neither is', () => {
    expect(writtenLetter('welcome', { language: 'de-CH', locale: 'fr-CA' }).language).to.equal('fr');
    expect(writtenLetter('welcome', { language: 'de', locale: 'sv' }).language).to.equal('en');
  });

  it('use every text there is', () => {
    const texts = parseYaml(readFileSync('views/mail/texts/en.yaml', 'utf8')) as Record<string, string>;
    const more = [
      ...(['enrol', 'device'] as const).map((purpose) => ({ ...LETTER_VALUES['email-code'], purpose })),
      ...(['email', 'sms'] as const).map((factor) => ({ ...LETTER_VALUES['factor-added'], factor })),
      { ...LETTER_VALUES.invite, inviter: undefined },
      { ...LETTER_VALUES['verify-email'], code: '123' },
    ];
    const written = [
      ...TEMPLATES.map((template) => writtenLetter(template)),
      writtenLetter('welcome', { name: '' }),
      ...more.map((values) =>
        writtenLetter(
          'purpose' in values
            ? 'email-code'
            : 'factor' in values
              ? 'factor-added'
              : 'code' in values
                ? 'verify-email'
                : 'invite',
          { values },
        ),
      ),
    ];
    const said = written.map(({ subject, text, html }) => `${subject}\n${text}\n${unescaped(html)}`).join('\n');
    const isSaid = (text: string) => {
      const pattern = text.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '[^\\n]+');
      return new RegExp(pattern).test(said);
    };
    const unused = Object.entries(texts).filter(([key, text]) => key !== 'language.name' && !isSaid(text));
    expect(unused).to.deep.equal([]);
  });
});

const XHTML = 'http://www.w3.org/1999/xhtml';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

describeInBrowser('letters in a browser', function (this: Mocha.Suite) {
  this.timeout(90_000);
  let browser: Browser;
  before(async () => {
    browser = await openChromium();
  });
  after(() => browser?.close());

  const LOOKS = [
    { language: 'en', colorScheme: 'light', tokens: {} },
    { language: 'fa', colorScheme: 'dark', tokens: {} },
    { language: 'ar', colorScheme: 'light', tokens: { primaryColor: '#ffe600', backgroundColor: '#1b1b1f' } },
    { language: 'fr', colorScheme: 'dark', tokens: { primaryColor: '#101014', accentColor: '#8a8a8a' } },
  ] as const;

  for (const { language, colorScheme, tokens } of LOOKS) {
    it(`have no fault that axe knows of and never scroll sideways, in ${language} on ${colorScheme}`, async () => {
      const page = await browser.newPage({ viewport: { width: 320, height: 600 }, colorScheme });
      const faults: string[] = [];
      for (const template of TEMPLATES) {
        await page.setContent(writtenLetter(template, { language, tokens }).html);
        await page.evaluate(AXE);
        const found = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
          `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }).then((result) => result.violations)`,
        );
        faults.push(...found.map(({ id, nodes }) => `${template}: ${id} ${nodes[0]?.html}`));
        const width = await page.evaluate<number>('document.documentElement.scrollWidth');
        if (width > 320) faults.push(`${template}: ${width} pixels wide`);
      }
      await page.close();
      expect(faults).to.deep.equal([]);
    });
  }
});
