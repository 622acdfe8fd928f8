import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { describeInBrowser, openChromium } from '../support/chromium.ts';
import { type Gallery, openGallery, SAMPLES } from '../support/page-gallery.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 800 };
/** A 1280 pixels wide window at 400 % zoom (WCAG 2.2, 1.4.10). */
const NARROW = { width: 320, height: 256 };

const LOOKS: readonly { look: string; brand: string; language: string; options: BrowserContextOptions }[] = [
  { look: 'light', brand: 'house', language: 'en', options: { viewport: DESKTOP, colorScheme: 'light' } },
  { look: 'dark', brand: 'house', language: 'fr', options: { viewport: PHONE, colorScheme: 'dark' } },
  { look: 'right to left', brand: 'house', language: 'ar', options: { viewport: PHONE, colorScheme: 'light' } },
  {
    look: 'right to left and dark',
    brand: 'teal',
    language: 'fa',
    options: { viewport: DESKTOP, colorScheme: 'dark' },
  },
  { look: 'in hard colours', brand: 'lemon', language: 'en', options: { viewport: DESKTOP, colorScheme: 'light' } },
  { look: 'in dull colours', brand: 'ink', language: 'en', options: { viewport: DESKTOP, colorScheme: 'light' } },
];

describeInBrowser('the pages in a browser', function (this: Mocha.Suite) {
  this.timeout(90_000);
  let browser: Browser;
  let gallery: Gallery;

  before(async () => {
    [browser, gallery] = await Promise.all([openChromium(), openGallery()]);
  });
  after(async () => {
    await browser?.close();
    await gallery?.stop();
  });

  async function inPage(options: BrowserContextOptions, work: (page: Page) => Promise<void>): Promise<void> {
    const context = await browser.newContext(options);
    try {
      await work(await context.newPage());
    } finally {
      await context.close();
    }
  }

  for (const { look, brand, language, options } of LOOKS) {
    it(`have no fault that axe knows of, ${look}`, async () => {
      await inPage(options, async (page) => {
        const faults: string[] = [];
        for (const { name } of SAMPLES) {
          await page.goto(gallery.url(name, { language, brand }));
          faults.push(...(await faultsOf(page)).map((fault) => `${name}: ${fault}`));
        }
        expect(faults).to.deep.equal([]);
      });
    });
  }

  it('keep to their Content-Security-Policy, and load all they ask for', async () => {
    await inPage({ viewport: DESKTOP }, async (page) => {
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      // A favicon that is still on its way when the test goes on to the next page is aborted.
      page.on('requestfailed', (request) => request.url().includes('favicon') || complaints.push(request.url()));
      page.on('response', (response) => response.status() >= 400 && complaints.push(response.url()));
      for (const { name } of SAMPLES) await page.goto(gallery.url(name, { brand: 'teal' }));

      expect(complaints).to.deep.equal([]);
    });
  });

  it('never scroll sideways, on 320 pixels in any language', async () => {
    await inPage({ viewport: NARROW }, async (page) => {
      const wide: string[] = [];
      for (const language of ['en', 'fr', 'ar', 'fa']) {
        for (const { name } of SAMPLES) {
          await page.goto(gallery.url(name, { language }));
          const width = await page.evaluate<number>('document.documentElement.scrollWidth');
          if (width > NARROW.width) wide.push(`${name} in ${language}: ${width}`);
        }
      }
      expect(wide).to.deep.equal([]);
    });
  });

  it('have targets that a finger hits: 44 pixels high', async () => {
    await inPage({ viewport: PHONE }, async (page) => {
      const small: string[] = [];
      for (const { name } of SAMPLES) {
        await page.goto(gallery.url(name));
        small.push(...(await page.evaluate<string[]>(SMALL_TARGETS)).map((target) => `${name}: ${target}`));
      }
      expect(small).to.deep.equal([]);
    });
  });

  it('are mirrored from right to left', async () => {
    await inPage({ viewport: DESKTOP }, async (page) => {
      const start = 'document.querySelector("label").getBoundingClientRect().x';
      await page.goto(gallery.url('login'));
      const left = await page.evaluate<number>(start);
      const mark = 'document.querySelector(".brand img").getBoundingClientRect()';
      await page.goto(gallery.url('login', { language: 'fa' }));

      expect(await page.evaluate<number>(`innerWidth - ${mark}.right`)).to.equal(left);
    });
  });

  it('move nothing for those who want rest', async () => {
    await inPage({ reducedMotion: 'reduce' }, async (page) => {
      await page.goto(gallery.url('login'));
      expect(
        await page.evaluate<string>('getComputedStyle(document.querySelector(".button")).transitionDuration'),
      ).to.equal('0s');
    });
  });

  it('show where the keyboard is', async () => {
    await inPage({ viewport: DESKTOP }, async (page) => {
      await page.goto(gallery.url('login-full'));
      const order: string[] = [];
      for (let i = 0; i < 8; i++) {
        const [label, outline] = await page.evaluate<[string, string]>(
          '[document.activeElement.value || document.activeElement.name || document.activeElement.textContent.trim(), getComputedStyle(document.activeElement).outlineStyle]',
        );
        expect(outline, label).not.to.equal('none');
        order.push(label);
        await page.keyboard.press('Tab');
      }
      expect(order.map((label) => label.replace('1', 'remember'))).to.deep.equal([
        'identifier',
        'password',
        'remember',
        'Forgot your password?',
        'login',
        'passkey',
        'provider:google',
        'provider:hospital',
      ]);
    });
  });
});

describeInBrowser('the pages without JavaScript', function (this: Mocha.Suite) {
  this.timeout(60_000);
  let browser: Browser;
  let gallery: Gallery;
  let page: Page;

  before(async () => {
    [browser, gallery] = await Promise.all([openChromium(), openGallery()]);
    page = await browser.newPage({ javaScriptEnabled: false });
  });
  after(async () => {
    await browser?.close();
    await gallery?.stop();
  });

  it('sign in by keyboard alone', async () => {
    await page.goto(gallery.url('login'));
    await page.locator('#identifier:focus').waitFor();
    await page.keyboard.type('ann@example.com');
    await page.keyboard.press('Tab');
    await page.keyboard.type('correct horse');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/signed-out');

    expect(gallery.received.at(-1)).to.deep.equal({
      csrf: 'the-csrf-value',
      identifier: 'ann@example.com',
      password: 'correct horse',
      action: 'login',
    });
  });

  const buttons: readonly [sample: string, button: string, sent: Record<string, string>][] = [
    ['login', 'Cancel', { csrf: 'the-csrf-value', identifier: '', password: '', action: 'cancel' }],
    ['consent', 'Allow', { csrf: 'the-csrf-value', action: 'allow' }],
    ['consent', 'Don’t allow', { csrf: 'the-csrf-value', action: 'deny' }],
    ['account', 'Continue as Ann Lindqvist', { csrf: 'the-csrf-value', action: 'continue' }],
    ['account', 'Use another account', { csrf: 'the-csrf-value', action: 'switch' }],
    ['device-confirm', 'Yes, connect my device', { xsrf: 'the-xsrf-value', user_code: 'wdjbmjht', confirm: 'yes' }],
    ['device-confirm', 'No, stop', { xsrf: 'the-xsrf-value', user_code: 'wdjbmjht', confirm: 'yes', abort: 'yes' }],
    ['logout', 'Sign out of everything', { xsrf: 'the-xsrf-value', logout: 'yes' }],
    ['logout', 'Sign out of Harbour Books only', { xsrf: 'the-xsrf-value' }],
  ];
  for (const [sample, button, sent] of buttons) {
    it(`send what “${button}” means`, async () => {
      await page.goto(gallery.url(sample));
      await page.getByRole('button', { name: button, exact: true }).click();
      await page.waitForURL('**/signed-out');

      expect(gallery.received.at(-1)).to.deep.equal(sent);
    });
  }

  it('speak another language at one click', async () => {
    await page.goto(gallery.url('login'));
    await page.getByRole('link', { name: 'العربية' }).click();
    await page.waitForURL('**lang=ar**');

    expect(await page.getByRole('heading', { level: 1 }).textContent()).to.equal('تسجيل الدخول');
  });
});

async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { checked, faults } = await page.evaluate<{ checked: string[]; faults: string[] }>(
    `axe.run({ runOnly: ${JSON.stringify(RULES)} }).then(({ passes, violations }) => ({
      checked: passes.map(({ id }) => id),
      faults: violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ' ' + html + ' ' + failureSummary)),
    }))`,
  );
  expect(checked).to.include.members(['color-contrast', 'html-has-lang', 'region']);
  return faults;
}

/** A box and its label are one target; what is not shown is none. */
const SMALL_TARGETS = `[...document.querySelectorAll('a, button, input:not([type=hidden]):not([hidden])')]
  .map((element) => [element, (element.type === 'checkbox' ? element.parentElement : element).getBoundingClientRect()])
  .filter(([, box]) => box.height > 0 && box.height < 44)
  .map(([element, box]) => element.outerHTML + ' ' + box.height)`;
