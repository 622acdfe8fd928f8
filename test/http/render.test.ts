import { expect } from 'chai';
import { createAssets } from '../../src/http/assets.ts';
import { pageCsp } from '../../src/http/page-script.ts';
import type { Pages, View } from '../../src/http/pages.ts';
import { VIEWS } from '../../src/http/pages.ts';
import { type Branding, createRenderer } from '../../src/http/render.ts';
import { createTexts } from '../../src/http/texts.ts';
import { SAMPLES } from '../support/page-gallery.ts';

const texts = createTexts();
const { render } = createRenderer({ texts, assets: createAssets() });
const northwind: Branding = { name: 'Northwind' };

function page<V extends View>(
  view: V,
  data: Pages[V],
  { code = 'en', branding = northwind, here = '/x' } = {},
): string {
  return render(view, { language: texts.forLanguage({ chosen: code }), branding, data, here });
}

const login = { action: '/a', csrf: 'c', identifier: '' };
/** The only script that a page may have. */
/** The only scripts of ours that a page may have. */
const OWN_SCRIPT = /<script src="\/assets\/(passkeys|altcha)\.js\?v=[0-9a-f]{12}" defer><\/script>/;
const count = (html: string, pattern: RegExp) => [...html.matchAll(pattern)].length;

/** The same data with a hostile value in the place of each string that is shown. */
function poisoned<T>(data: T, poison: string): T {
  if (typeof data === 'string') return poison as T;
  if (Array.isArray(data)) return data.map((item) => poisoned(item, poison)) as T;
  if (typeof data !== 'object' || data === null || data instanceof Date) return data;
  const kept = new Set([
    ...[
      'outcome',
      'reason',
      'factor',
      'others',
      'section',
      'act',
      'what',
      'matter',
      'kind',
      'type',
      'note',
      'problem',
      'rules',
      'channel',
      'change',
      'first',
    ],
    'timezone',
    // Addresses that the house makes itself.
    ...['base', 'href', 'backTo', 'signOutUrl', 'eraseUrl'],
  ]);
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, kept.has(key) ? value : poisoned(value, poison)]),
  ) as T;
}

describe('a page', () => {
  it('is there for every view', () => {
    expect(new Set(SAMPLES.map(({ view }) => view))).to.deep.equal(new Set(VIEWS));
  });

  for (const { name, view, data } of SAMPLES) {
    for (const { code, direction } of texts.languages) {
      it(`${name} is whole in ${code}`, () => {
        const html = page(view, data, { code });

        expect(html)
          .to.match(/^<!doctype html>/)
          .and.include(`<html lang="${code}" dir="${direction}">`);
        expect(count(html, /<h1[ >]/g), 'headings').to.equal(1);
        expect(count(html, /<main[ >]/g), 'landmarks').to.equal(1);
        expect(html).to.match(/<title>[^<]+ · Northwind<\/title>/);
        expect(html).not.to.match(/undefined|\[object|NaN|\{\w+\}/);
        expect(html.trimEnd()).to.match(/<\/html>$/);
      });
    }

    it(`${name} shows hostile values as text`, () => {
      const poison = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`;
      const html = page(view, poisoned(data, poison), {
        branding: poisoned({ ...northwind, logoUrl: '', helpUrl: '' }, poison),
      });

      expect(html.replace(OWN_SCRIPT, '')).not.to.include('<script').and.not.include('<img src=x');
      const withoutValues = html.replaceAll(/"[^"]*"/g, '""');
      expect(count(withoutValues, /<[^>]*\bonerror/g)).to.equal(0);
    });

    it(`${name} links to no address that runs code or leaves for another host unseen`, () => {
      for (const address of [
        'javascript:alert(1)',
        'data:text/html,<p>',
        '//evil.example',
        '/\\evil.example',
        'http://evil.example',
        'https://a@evil.example',
      ]) {
        const html = page(view, poisoned(data, address), {
          branding: poisoned({ ...northwind, logoUrl: '', helpUrl: '', privacyUrl: '', termsUrl: '' }, address),
        });
        const targets = [...html.matchAll(/\s(?:href|src)="([^"]*)"/g)].map(([, target]) => target);

        for (const target of targets) expect(target).to.match(/^(#content$|\/(?!\/)(assets|x|account|oauth\/logout))/);
      }
    });
  }

  it('is the same for the same input', () => {
    expect(page('login', login)).to.equal(page('login', login));
  });
});

describe('a problem', () => {
  const html = page('login', { ...login, identifier: 'ann', problem: { code: 'invalid_credentials' } });

  it('is announced once, and the fields name it', () => {
    expect(count(html, /role="alert"/g)).to.equal(1);
    expect(count(html, /aria-describedby="problem"/g)).to.equal(2);
    expect(html)
      .to.include('The e-mail address, user name or password is wrong.')
      .and.include('<title>Problem: Sign in');
  });

  it('is not there when nothing went wrong', () => {
    expect(page('login', login)).not.to.match(/role="alert"|aria-invalid|id="problem"/);
  });
});

describe('the login page', () => {
  it('puts the cursor into the first empty field', () => {
    expect(page('login', login)).to.match(/name="identifier"[^>]*autofocus/s);
    expect(page('login', { ...login, identifier: 'ann' })).to.match(/name="password"[^>]*autofocus/s);
  });

  it('speaks to password managers', () => {
    const html = page('login', login);
    expect(html)
      .to.match(/name="identifier"[^>]*autocomplete="username"/s)
      .and.match(/name="password"[^>]*autocomplete="current-password"/s);
  });

  it('signs in when Enter is pressed, whatever other buttons there are', () => {
    const html = page('login', { ...login, passkey: {}, providers: [{ id: 'g', name: 'G' }] });
    expect(/<button[^>]*name="action" value="([^"]*)"/.exec(html)?.[1]).to.equal('login');
  });
});

describe('the script', () => {
  const USES = ['passkey', 'captcha'] as const;

  it('stands on the pages that need one, which let it run, and on no other; that of passkeys may ask us', () => {
    for (const { name, view, data } of SAMPLES) {
      const shown = data as { passkey?: unknown; captcha?: unknown };
      const used = USES.find((use) => shown[use] !== undefined);
      const [html, policy] = [page(view, data), pageCsp(data)];
      expect(count(html, /<script/g), name).to.equal(used ? 1 : 0);
      expect(OWN_SCRIPT.exec(html)?.[1], name).to.equal(used && { passkey: 'passkeys', captcha: 'altcha' }[used]);
      expect(policy.includes("script-src 'self'"), name).to.equal(used !== undefined);
      expect(policy.includes("connect-src 'self'"), name).to.equal(used === 'passkey');
      expect(policy, name).to.include("default-src 'none'").and.not.include('unsafe');
    }
    expect(SAMPLES.filter(({ data }) => 'passkey' in data).map(({ view }) => view)).to.include.members([
      ...['login', 'factor', 'enrol-totp', 'enrol-passkey'],
    ]);
  });

  it('is what a passkey button waits for: without it the button, and what stands around it, is not there', () => {
    const html = page('login', { ...login, passkey: { options: { challenge: 'AAAA' } } });
    expect(html).to.match(/<button[^>]* value="passkey"[^>]* hidden /);
    expect(html).to.match(/<p class="or" data-passkey-only hidden>/);
    expect(html).to.include('autocomplete="username webauthn"');
    expect(html).to.include('data-passkey-options="{&#34;challenge&#34;:&#34;AAAA&#34;}"');
  });

  it('of a CAPTCHA comes from the service that a tenant has chosen, with its widget and nothing else', () => {
    const typed = { email: '', firstName: '', lastName: '' };
    const register = { action: '/a', csrf: 'c', typed, minLength: 8 };
    for (const [kind, host, name] of [
      ['turnstile', 'https://challenges.cloudflare.com', 'cf-turnstile'],
      ['hcaptcha', 'https://hcaptcha.com https://*.hcaptcha.com', 'h-captcha'],
    ] as const) {
      const data = { ...register, captcha: { kind, siteKey: 'the-site-key' } };
      expect(page('register', data)).to.include(`<div class="${name}" data-sitekey="the-site-key"></div>`);
      expect(pageCsp(data))
        .to.include(`script-src ${host};`)
        .and.include(`frame-src ${host};`)
        .and.not.include('unsafe');
    }
  });
});

describe('an error page', () => {
  it('names a reason that is not known as a fault of ours', () => {
    expect(page('error', { reason: '__proto__', requestId: 'r-1' }))
      .to.include('Something went wrong')
      .and.include('Reference: r-1');
  });
});

describe('the page of a device', () => {
  const origin = (userAgent: string) =>
    page('device-confirm', {
      formAction: '/a',
      xsrf: 'x',
      client: { name: 'TV' },
      userCode: 'a',
      shownCode: 'A',
      origin: { userAgent },
    });

  it('names the browser and the system that asked', () => {
    expect(origin('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0')).to.include(
      'Firefox on Linux',
    );
  });

  it('does not repeat what a stranger wrote into the header', () => {
    expect(origin('Your bank asks you to press Yes')).to.include('Unknown').and.not.include('Your bank');
  });
});

describe('the languages at the foot', () => {
  const hrefs = (html: string) => [...html.matchAll(/href="([^"]*)"[^>]*hreflang/g)].map(([, href]) => href);

  it('keep the rest of the address', () => {
    expect(hrefs(page('login', login, { here: '/interaction/u1?a=1&lang=fr&b=%26' }))).to.deep.equal([
      '/interaction/u1?a=1&amp;lang=ar&amp;b=%26',
      '/interaction/u1?a=1&amp;lang=fa&amp;b=%26',
      '/interaction/u1?a=1&amp;lang=fr&amp;b=%26',
    ]);
  });

  it('stay on this host', () => {
    for (const here of ['//evil.example/x', '/\\evil.example', '/.//evil.example', 'https://evil.example/x']) {
      for (const href of hrefs(page('login', login, { here }))) expect(href).to.match(/^\/(?![/\\])/);
    }
  });

  it('are left out where the page cannot be asked for again', () => {
    const html = render('busy', { language: texts.forLanguage({}), branding: northwind, data: {} });
    expect(hrefs(html)).to.deep.equal([]);
  });
});

describe('the brand', () => {
  it('brings its stylesheet after ours, its logo and its links', () => {
    const html = page('login', login, {
      branding: {
        name: 'Acme',
        logoUrl: 'https://acme.example/l.svg',
        tokens: { primaryColor: '#0F766E' },
        helpUrl: 'https://acme.example/help',
      },
    });
    expect(html).to.match(/gatehouse\.css[\s\S]*\/assets\/brand\.css\?primaryColor=0f766e"/);
    expect(html)
      .to.include('<img src="https://acme.example/l.svg" alt="Acme"')
      .and.include('href="https://acme.example/help"');
  });

  it('is a mark and the name where the tenant has set nothing', () => {
    const html = page('login', login);
    expect(html)
      .to.match(/\/assets\/mark\.svg\?v=[0-9a-f]{12}" alt=""/)
      .and.not.include('brand.css');
  });
});
