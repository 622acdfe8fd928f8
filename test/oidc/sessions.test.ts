import { expect } from 'chai';
import { aBrowser, type Visited } from '../support/browser.ts';
import { expectFailure } from '../support/expect.ts';
import { aSite, fetchAt, PASSWORD, type Site, startNode, type TestNode, TV, WEB } from '../support/node.ts';
import { anotherAdmin, ask, authorizeUrl, isLogin, post, someTokens } from '../support/oauth.ts';
import { whileUncommitted } from '../support/race.ts';

describe('sessions of browsers', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    site = await aSite(node, { clients: [WEB, TV, { ...WEB, clientId: 'third', firstParty: false }] });
  });
  after(() => node.stop());

  type Browser = ReturnType<typeof aBrowser>;
  const sessionOf = (browser: Browser) => browser.cookies().find(({ name }) => /gh[t]?_session$/.test(name))?.value;
  const credentials = () => ({ identifier: site.email, password: PASSWORD, action: 'login' });

  it('begin under a new name at each login: what was known before is worth nothing (SE01)', async () => {
    const browser = aBrowser(node);
    await browser.go(`${site.issuer}/device`);
    const planted = { value: sessionOf(browser), cookies: browser.cookies() };
    expect(planted.value).to.be.a('string');
    await browser.submit(await browser.go(authorizeUrl(site)), credentials());
    const first = { value: sessionOf(browser), cookies: browser.cookies() };
    expect(first.value).to.not.equal(planted.value);
    await browser.submit(await browser.go(authorizeUrl(site, { prompt: 'login' })), credentials());
    expect(sessionOf(browser)).to.not.equal(first.value);
    for (const old of [planted, first]) {
      const thief = aBrowser(node);
      thief.setCookies(old.cookies);
      expect(isLogin(await thief.go(authorizeUrl(site)))).to.equal(true);
    }
  });

  it('of somebody else end when a new person signs in at the same browser', async () => {
    await node.house.services.users.create(site.call, {
      email: `eve@${site.slug}.test`,
      status: 'active',
      password: PASSWORD,
    });
    const { browser, access_token } = await someTokens(node, site);
    const page = await browser.go(authorizeUrl(site, { prompt: 'login' }));
    const back = await browser.submit(page, {
      identifier: `eve@${site.slug}.test`,
      password: PASSWORD,
      action: 'login',
    });
    expect(back.url.searchParams.get('code')).to.be.a('string');
    expect((await post(node, site, '/oauth/introspect', { token: access_token })).body).to.deep.equal({
      active: false,
    });
  });

  it('have cookies that no script and no other site can use (SE02)', async () => {
    const secure = await startNode({ publicUrl: 'https://id.example' });
    try {
      const its = await aSite(secure);
      for (const issuer of [its.issuer, secure.url]) {
        const setCookies = await cookiesOfALogin(secure, { ...its, issuer });
        expect(setCookies.length).to.be.greaterThan(2);
        for (const header of setCookies) {
          expect(header)
            .to.match(/; *httponly/i)
            .and.match(/; *samesite=(lax|strict)/i)
            .and.not.match(/domain=/i);
          expect(header, 'Secure').to.match(/; *secure/i);
        }
        const names = setCookies.map((header) => header.split('=')[0]).filter((name) => /session$/.test(String(name)));
        for (const name of names) expect(name).to.match(issuer === secure.url ? /^__Host-/ : /^__Secure-/);
      }
    } finally {
      await secure.stop();
    }
  });

  /** Every Set-Cookie on the way to the login page and of a first try. */
  async function cookiesOfALogin(at: TestNode, its: Site): Promise<string[]> {
    const send = fetchAt(at);
    const start = its.issuer === at.url ? new URL(`${its.issuer}/device?lang=en`) : authorizeUrl(its);
    const first = await send(start, { redirect: 'manual', headers: { accept: 'text/html' } });
    const more = await send(`${its.issuer}/device?lang=fr`, { headers: { accept: 'text/html' } });
    return [...first.headers.getSetCookie(), ...more.headers.getSetCookie()];
  }

  it('count as none when their cookie comes twice: a neighbour may have planted one (SE04)', async () => {
    const { browser } = await someTokens(node, site);
    const own = browser.cookies();
    const stranger = await someTokens(node, await aSite(node));
    const planted = stranger.browser.cookies().find(({ name }) => name === 'ght_session')!;
    for (const order of [
      [planted, ...own],
      [...own, planted],
      [...own, ...own],
    ]) {
      const cookie = order.map(({ name, value }) => `${name}=${value}`).join('; ');
      const answer = await ask(node, 'GET', authorizeUrl(site, { prompt: 'none' }).href, { headers: { cookie } });
      expect(answer.headers.get('location')).to.include('error=login_required');
    }
    const cookie = own.map(({ name, value }) => `${name}=${value}`).join('; ');
    expect(
      (await ask(node, 'GET', authorizeUrl(site, { prompt: 'none' }).href, { headers: { cookie } })).headers.get(
        'location',
      ),
    ).to.include('code=');
  });

  it('are of one tenant: its cookie opens no other', async () => {
    const { browser } = await someTokens(node, site);
    const elsewhere = await aSite(node);
    const other = aBrowser(node);
    other.setCookies(browser.cookies().map((cookie) => ({ ...cookie, path: '/' })));
    expect(isLogin(await other.go(authorizeUrl(elsewhere)))).to.equal(true);
  });

  it('do not begin for a login that was proven before all of them were ended (SE07)', async () => {
    const its = await aSite(node);
    const thief = aBrowser(node);
    const page = await thief.go(authorizeUrl(its));
    const form = Object.fromEntries(
      [...page.html.matchAll(/<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)].map(
        ([, name, value]) => [name, value],
      ),
    );
    const cookie = thief
      .cookies()
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const proven = await ask(node, 'POST', page.url.href, {
      form: { ...form, identifier: its.email, password: PASSWORD, action: 'login' } as Record<string, string>,
      headers: { cookie, accept: 'text/html', origin: node.url },
    });
    expect(proven.status).to.equal(303);
    await node.house.services.sessions.endAll({ ...its.call, now: new Date() }, its.user);
    const late = await thief.go(new URL(proven.headers.get('location') as string, page.url));
    expect(late.url.searchParams.get('code')).to.equal(null);
    expect(await node.house.services.sessions.list(its.call, its.user)).to.deep.equal([]);
  });

  it('do not begin for a JSON login that was proven before, and do for one that comes after (SE07)', async () => {
    const its = await aSite(node);
    const issue = (authTime: Date) =>
      node.core.tokens.issue(
        { ...its.call, now: new Date() },
        { userId: its.user, amr: ['pwd'], acr: 'urn:gatehouse:acr:1fa', authTime },
      );
    const ended = new Date();
    await node.house.services.sessions.endAll({ ...its.call, now: ended }, its.user);
    await expectFailure('invalid_credentials', issue(new Date(ended.getTime() - 1)));
    await issue(ended);
    expect(await node.house.services.sessions.list(its.call, its.user)).to.have.length(1);
  });

  it('give no code away while they are being ended, and not a grant that outlives them (SE07)', async () => {
    const its = await aSite(node);
    const { browser } = await someTokens(node, its);
    const { db } = node.house;
    await db('oidc_session').where({ tenant_id: its.tenantId }).update({ seen_at: new Date() });
    const late = await whileUncommitted(
      db,
      (hold) =>
        db.transaction(async (tx) => {
          await node.house.services.sessions.endAll({ ...its.call, now: new Date(), db: tx }, its.user);
          await hold();
        }),
      () => browser.go(authorizeUrl(its)),
    );
    const page = (late as PromiseFulfilledResult<Visited>).value;
    expect(page.url.searchParams.get('code')).to.equal(null);
    for (const table of ['oidc_session', 'oidc_grant', 'oidc_token'])
      expect(await db(table).where({ tenant_id: its.tenantId, account_id: its.user }), table).to.deep.equal([]);
  });

  it('wait with their end for a code under way, and take it along (SE07)', async () => {
    const its = await aSite(node);
    await someTokens(node, its);
    const { db, services } = node.house;
    const [uid] = await db('oidc_session').where({ tenant_id: its.tenantId }).pluck('uid');
    const end = await whileUncommitted(
      db,
      (hold) =>
        db.transaction(async (tx) => {
          const grant = { tenant_id: its.tenantId, id: 'offline', account_id: its.user, client_id: 'web', payload: {} };
          await tx('oidc_grant').insert({ ...grant, expires_at: new Date(Date.now() + 86_400_000) });
          await tx.raw('select oidc_hold_session(?, ?)', [its.tenantId, uid]);
          await hold();
        }),
      () => services.sessions.endAll({ ...its.call, now: new Date() }, its.user),
    );
    expect(end.status).to.equal('fulfilled');
    expect(await db('oidc_grant').where({ tenant_id: its.tenantId })).to.deep.equal([]);
  });

  it('end with their user (SE08)', async () => {
    const its = await aSite(node);
    await anotherAdmin(node, its);
    const { browser } = await someTokens(node, its);
    await node.house.services.users.suspend(its.call, its.user);
    const page = await browser.go(authorizeUrl(its));
    expect([page.status, isLogin(page)]).to.deep.equal([200, true]);
    expect(
      (await browser.submit(page, { identifier: its.email, password: PASSWORD, action: 'login' })).status,
    ).to.equal(401);
  });

  describe('on our pages', () => {
    it('no form is taken that another page sends, in whatever dress (SE11, IN12)', async () => {
      const browser = aBrowser(node);
      const page = await browser.go(authorizeUrl(site));
      const cookie = browser
        .cookies()
        .map(({ name, value }) => `${name}=${value}`)
        .join('; ');
      const fields = new URLSearchParams({ identifier: site.email, password: PASSWORD, action: 'login' }).toString();
      const send = (body: string, type: string | undefined) =>
        fetchAt(node)(page.url, {
          method: 'POST',
          body,
          headers: { cookie, accept: 'text/html', ...(type !== undefined && { 'content-type': type }) },
        });
      const csrf = /name="csrf" value="([^"]+)"/.exec(page.html)?.[1];
      const statuses = [
        (await send(fields, 'application/x-www-form-urlencoded')).status,
        (await send(`${fields}&csrf=wrong`, 'application/x-www-form-urlencoded')).status,
        (await send(`${fields}&csrf=${csrf}&csrf=${csrf}`, 'application/x-www-form-urlencoded')).status,
        (await send(`${fields}&csrf=${csrf}`, 'text/plain')).status,
        (await send(JSON.stringify({ csrf, identifier: site.email, password: PASSWORD }), 'application/json')).status,
        (
          await send(
            `--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n${csrf}\r\n--x--`,
            'multipart/form-data; boundary=x',
          )
        ).status,
        (await send(`${fields}&csrf=${csrf}`, '')).status,
      ];
      expect(statuses).to.deep.equal([403, 403, 400, 415, 415, 415, 415]);
      const other = aBrowser(node);
      expect((await other.go(page.url, { csrf: csrf as string, ...credentials() })).status, 'another browser').to.equal(
        400,
      );
    });

    it('nothing happens by another method, nor by one that is named elsewhere (SE12)', async () => {
      const browser = aBrowser(node);
      const page = await browser.go(authorizeUrl(site));
      const got = await browser.go(
        `${page.url.href}?${new URLSearchParams({ ...credentials(), _method: 'POST' })}`,
        undefined,
        { 'x-http-method-override': 'POST' },
      );
      expect(isLogin(got)).to.equal(true);
      for (const method of ['PUT', 'DELETE', 'PATCH'])
        expect((await ask(node, method, page.url.href)).status).to.equal(405);
    });

    it('every answer carries the headers that browsers obey, errors too (SE13, SE19, SE20, OA63)', async () => {
      const browser = aBrowser(node);
      const login = await browser.go(authorizeUrl(site));
      const { browser: inside } = await someTokens(node, site);
      const pages: [string, Visited | Awaited<ReturnType<typeof ask>>][] = [
        ['login', login],
        ['consent', await inside.go(authorizeUrl(site, { client_id: 'third' }))],
        ['device', await browser.go(`${site.issuer}/device`)],
        ['logout', await inside.go(`${site.issuer}/oauth/logout`)],
        ['a bad request', await browser.go(authorizeUrl(site, { redirect_uri: 'https://evil.test' }))],
        ['an expired page', await browser.go(`${site.issuer}/interaction/${'x'.repeat(21)}`)],
        ['nothing', await browser.go(`${site.issuer}/nothing`)],
        ['login.css', await browser.go(`${login.url}/x.css`)],
        ['a token refused', await post(node, site, '/oauth/token', {}, {})],
        ['too large', await post(node, site, '/oauth/token', 'a'.repeat(100_000))],
        ['userinfo', await ask(node, 'GET', `${site.issuer}/oauth/userinfo`)],
        ['misdirected', await ask(node, 'GET', `http://evil.test/`)],
      ];
      for (const [what, { headers }] of pages) {
        expect(headers.get('x-content-type-options'), what).to.equal('nosniff');
        expect(headers.get('x-frame-options'), what).to.equal('DENY');
        expect(headers.get('content-security-policy'), what)
          .to.include("frame-ancestors 'none'")
          .and.not.include('unsafe-inline');
        expect(headers.get('referrer-policy'), what).to.equal('no-referrer');
        expect(headers.get('cross-origin-opener-policy'), what).to.equal('same-origin');
        expect(headers.get('cross-origin-resource-policy'), what).to.equal('same-origin');
        expect(headers.get('permissions-policy'), what).to.include('camera=()');
        expect(headers.get('cache-control'), what).to.match(/no-store/);
        for (const name of ['server', 'x-powered-by']) expect(headers.get(name), what).to.equal(null);
      }
      expect(pages.find(([what]) => what === 'login.css')?.[1].status).to.equal(404);
    });
  });
});
