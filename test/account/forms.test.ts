import '../../src/oidc/core-notices.ts';
import { expect } from 'chai';
import { createEveryPage } from '../../src/account/every-page.ts';
import { inTransaction } from '../../src/kernel/call.ts';
import { cookieHeader, headingOf, servingAccounts, withOldTotp } from '../support/account.ts';
import { aBrowser } from '../support/browser.ts';
import { codeOf } from '../support/factors.ts';
import { fetchAt, type Site } from '../support/node.ts';
import { ask, someTokens } from '../support/oauth.ts';
import { settle } from '../support/settle.ts';

/** Every page there is, by its own table: a new one is tried here without a line. */
const PAGES = createEveryPage({} as never).map(({ path, post }) => ({ path, hasForm: post !== undefined }));
const FORM = 'application/x-www-form-urlencoded';

describe('every page of the account', () => {
  const { node, site } = servingAccounts();

  /** A person who has one of everything, in a browser that has shown two factors; `at` fills ids into a path. */
  async function oneOfEverything() {
    const sms = { gateway: 'webhook', url: 'https://sms.example/send' };
    const mfa = { rememberDeviceDays: 30, allowedFactors: ['totp', 'webauthn', 'email', 'sms', 'backup_code'] };
    const its = await site({ settings: { mfa, sms } });
    const { secret } = await withOldTotp(node(), its);
    const browser = aBrowser(node());
    const asked = await browser.signIn(`${its.issuer}/account`, its.email);
    await browser.submit(asked, { action: 'verify', code: await codeOf(secret), remember_device: '1' });
    const { factors, sessions, rememberedDevices, users } = node().house.services;
    await users.setVerified(its.call, its.user, { email: false });
    await siteTokens(its);
    const csrf = /name="csrf" value="([^"]+)"/.exec((await browser.go(`${its.issuer}/account/profile`)).html)![1]!;
    const own = await sessions.list(its.call, its.user);
    const ids: Record<string, string> = {
      '/account/sessions': own.find(({ clients }) => !clients.includes('gatehouse-account'))!.id,
      '/account/applications': 'web',
      '/account/security/factors': (await factors.list(its.call, its.user))[0]!.id,
      '/account/security/devices': (await rememberedDevices.list(its.call, its.user))[0]!.id,
    };
    const at = (path: string) => `${its.issuer}${path.replace(':id', ids[path.replace(/\/:id.*/, '')] ?? '')}`;
    return { its, browser, csrf, at, cookie: cookieHeader(browser) };
  }

  /** A session and a grant of an application, by the JSON door: the factor is not asked by pages again. */
  async function siteTokens(its: Site): Promise<void> {
    await settle(node(), its, { mfa: { mode: 'off' } });
    await someTokens(node(), its);
    await settle(node(), its, { mfa: { mode: 'optional' } });
  }

  /** All that the forms could change, as it is stored. */
  async function everythingOf({ call, tenantId }: Site): Promise<string> {
    return inTransaction(call, async ({ db }) => {
      const tables = ['users', 'passwords', 'factors', 'backup_codes', 'remembered_devices', 'oidc_grant'];
      const rows = await Promise.all(
        tables.map((table) => db(table).where({ tenant_id: tenantId }).select('*').orderByRaw('1, 2, 3')),
      );
      const sessions = await db('oidc_session').where({ tenant_id: tenantId }).orderBy('uid').pluck('uid');
      return JSON.stringify([...rows, sessions]);
    });
  }

  it('is one of a known number, and opens to who has one of everything', async () => {
    const { at, cookie } = await oneOfEverything();
    expect(PAGES.length).to.be.greaterThan(10);
    for (const { path } of PAGES) {
      const { status, text } = await ask(node(), 'GET', at(path), { headers: { cookie, accept: 'text/html' } });
      expect([path, status, /<h1>/.test(text)]).to.deep.equal([path, 200, true]);
    }
  });

  it('leads a stranger to the sign-in, and says nothing', async () => {
    const { at } = await oneOfEverything();
    for (const { path, hasForm } of PAGES)
      for (const method of hasForm ? ['GET', 'HEAD', 'POST'] : ['GET', 'HEAD']) {
        const form = method === 'POST' ? { form: { csrf: 'x' } } : {};
        const { status, headers, text } = await ask(node(), method, at(path), form);
        expect([path, status, text.includes('@')]).to.deep.equal([path, 303, false]);
        expect(headers.get('location')).to.include('/oauth/authorize?');
      }
  });

  it('takes no form that another page sends, in whatever dress (SE11)', async () => {
    const { its, at, cookie, csrf } = await oneOfEverything();
    const stranger = await oneOfEverything();
    const before = await everythingOf(its);
    const fields = `first_name=Mallory&lang=fr&action=begin&csrf=${csrf}`;
    const send = async (url: string, body: string, headers: Record<string, string>) =>
      (await fetchAt(node())(url, { method: 'POST', body, headers: { cookie, accept: 'text/html', ...headers } }))
        .status;
    for (const { path } of PAGES.filter(({ hasForm }) => hasForm)) {
      const url = at(path);
      const statuses = [
        await send(url, fields.replace(/&csrf=.*/, ''), { 'content-type': FORM }),
        await send(url, fields.replace(csrf, 'wrong'), { 'content-type': FORM }),
        await send(url, fields.replace(csrf, stranger.csrf), { 'content-type': FORM }),
        await send(url, fields, { 'content-type': FORM, 'sec-fetch-site': 'cross-site' }),
        await send(url, fields, { 'content-type': FORM, 'sec-fetch-site': 'same-site' }),
        await send(url, fields, { 'content-type': FORM, origin: 'https://evil.test' }),
        await send(url, fields, { 'content-type': FORM, origin: 'null' }),
        await send(url, `${fields}&csrf=${csrf}`, { 'content-type': FORM }),
        await send(url, fields, { 'content-type': 'text/plain' }),
        await send(url, JSON.stringify({ csrf }), { 'content-type': 'application/json' }),
        await send(url, `--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n${csrf}\r\n--x--`, {
          'content-type': 'multipart/form-data; boundary=x',
        }),
        await send(url, fields, { 'content-type': '' }),
        await send(url, `${fields}&x=${'x'.repeat(60_000)}`, { 'content-type': FORM }),
      ];
      expect([path, ...statuses]).to.deep.equal([
        path,
        403,
        403,
        403,
        403,
        403,
        403,
        403,
        400,
        415,
        415,
        415,
        415,
        413,
      ]);
    }
    expect(await everythingOf(its), 'nothing has changed').to.equal(before);
  });

  it('does nothing by another method, nor by one that is named elsewhere (SE12)', async () => {
    const { its, at, cookie, csrf } = await oneOfEverything();
    const before = await everythingOf(its);
    for (const { path, hasForm } of PAGES) {
      for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', ...(hasForm ? [] : ['POST'])]) {
        const { status, headers } = await ask(node(), method, at(path), { headers: { cookie } });
        expect([path, method, status, headers.get('allow')]).to.deep.equal([
          path,
          method,
          405,
          hasForm ? 'GET, HEAD, POST' : 'GET, HEAD',
        ]);
      }
      const query = new URLSearchParams({ csrf, _method: 'POST', action: 'begin', lang: 'en', first_name: 'Mallory' });
      await ask(node(), 'GET', `${at(path)}?${query}`, {
        headers: { cookie, accept: 'text/html', 'x-http-method-override': 'POST', 'x-method-override': 'DELETE' },
      });
    }
    expect(await everythingOf(its), 'nothing has changed').to.equal(before);
  });

  it('carries the headers that browsers obey, in refusals too, and is kept by nobody (SE13, SE19, SE20)', async () => {
    const { its, at, cookie, csrf } = await oneOfEverything();
    const html = { cookie, accept: 'text/html' };
    const answers: [string, Awaited<ReturnType<typeof ask>>][] = [];
    for (const { path, hasForm } of PAGES) {
      answers.push([path, await ask(node(), 'GET', at(path), { headers: html })]);
      answers.push([`${path} to a stranger`, await ask(node(), 'GET', at(path))]);
      if (hasForm) answers.push([`${path} refused`, await ask(node(), 'POST', at(path), { form: {}, headers: html })]);
    }
    const done = { form: { csrf, first_name: 'Ann' }, headers: html };
    answers.push(['an act', await ask(node(), 'POST', at('/account/profile'), done)]);
    answers.push(['another method', await ask(node(), 'DELETE', at('/account/profile'), { headers: html })]);
    answers.push(['an answer', await ask(node(), 'GET', `${its.issuer}/account/callback?code=x`, { headers: html })]);
    answers.push(['the end', await ask(node(), 'GET', `${its.issuer}/account/signed-out`, { headers: html })]);
    for (const [what, { headers }] of answers) {
      expect(headers.get('x-content-type-options'), what).to.equal('nosniff');
      expect(headers.get('x-frame-options'), what).to.equal('DENY');
      expect(headers.get('content-security-policy'), what)
        .to.include("default-src 'none'")
        .and.include("frame-ancestors 'none'")
        .and.not.include('unsafe');
      expect(headers.get('referrer-policy'), what).to.be.oneOf(['no-referrer', 'same-origin']);
      expect(headers.get('cross-origin-opener-policy'), what).to.equal('same-origin');
      expect(headers.get('cross-origin-resource-policy'), what).to.equal('same-origin');
      expect(headers.get('cache-control'), what).to.equal('no-store');
      expect(headers.get('vary'), what).to.include('Cookie');
      for (const name of ['server', 'x-powered-by']) expect(headers.get(name), what).to.equal(null);
    }
  });

  it('has one address: what looks like a file of it is not there (SE20)', async () => {
    const { its, cookie } = await oneOfEverything();
    for (const path of [
      '.css',
      '/',
      '/profile/x.css',
      '/profile.css',
      '/profile/',
      '//profile',
      '/Profile',
      '/sessions/x/y',
    ])
      expect((await ask(node(), 'GET', `${its.issuer}/account${path}`, { headers: { cookie } })).status, path).to.equal(
        404,
      );
  });

  it('answers HEAD as it answers GET, without a body', async () => {
    const { its, cookie } = await oneOfEverything();
    const { status, text } = await ask(node(), 'HEAD', `${its.issuer}/account/profile`, { headers: { cookie } });
    expect([status, text]).to.deep.equal([200, '']);
  });

  it('has cookies that no script and no other site can use (SE02), and a page session under a new value each time', async () => {
    const its = await site();
    const browser = aBrowser(node());
    const login = await ask(node(), 'GET', `${its.issuer}/account`);
    for (const header of login.headers.getSetCookie())
      expect(header)
        .to.match(/; *httponly/i)
        .and.match(/; *samesite=lax/i)
        .and.not.match(/domain=/i);
    expect(headingOf(await browser.signIn(`${its.issuer}/account`, its.email))).to.equal('Ann Lee');
    const value = () => browser.cookies().find(({ name }) => name === 'ght_account')!.value;
    const first = value();
    await browser.submit(await browser.go(`${its.issuer}/account/profile`), { first_name: 'Ann' });
    expect(value()).not.to.equal(first);
  });
});

describe('a person who asks too much of their account', () => {
  const { node, site, enter } = servingAccounts({ RATE_LIMITS: 'true' });

  it('is told to wait', async function () {
    this.timeout(60_000);
    const its = await site();
    const { browser } = await enter(its);
    const headers = { cookie: cookieHeader(browser), accept: 'text/html' };
    const statuses = new Map<number, number>();
    let last: Awaited<ReturnType<typeof ask>> | undefined;
    for (let round = 0; round < 16; round++) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => ask(node(), 'GET', `${its.issuer}/account/language`, { headers })),
      );
      for (const answer of answers) statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      last = answers.find(({ status }) => status === 429) ?? last;
    }
    expect([...statuses.keys()].sort()).to.deep.equal([200, 429]);
    expect(Number(last?.headers.get('retry-after'))).to.be.greaterThan(0);
    const other = await enter(await site());
    expect((await other.open('/language')).status, 'others are not').to.equal(200);
  });
});
