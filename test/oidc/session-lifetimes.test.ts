import { expect } from 'chai';
import { decodeJwt } from 'jose';
import { aBrowser } from '../support/browser.ts';
import { aSite, CALLBACK, PASSWORD, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import { ask, authorizeUrl, bearer, introspect, isLogin, post, refresh, someTokens } from '../support/oauth.ts';
import { endedLines, sweep } from '../support/sessions.ts';

const IDLE = 1_000;
const ABSOLUTE = 5_000;

describe('the lifetimes of a session', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    // Logins of other files count for the same address.
    node = await startNode({ settings: { RATE_LIMITS: 'false' } });
  });
  beforeEach(async () => {
    site = await aSite(node, { settings: { sessions: { idleSeconds: IDLE, absoluteSeconds: ABSOLUTE } } });
  });
  after(() => node.stop());

  const sessions = () => node.house.db('oidc_session').where({ tenant_id: site.tenantId, account_id: site.user });
  const secondsLeft = async (uid?: string) => {
    const rows = await sessions()
      .where(uid ? { uid } : {})
      .select(node.house.db.raw('extract(epoch from expires_at - now())::float8 as left'));
    return Math.round(rows[0].left);
  };
  /** Lets the time pass for the sessions of the site: as if all that is in them had been so much earlier. */
  const timePasses = (seconds: number) =>
    node.house.db.raw(
      `update oidc_session set seen_at = seen_at - ? * interval '1 second', expires_at = expires_at - ? * interval '1 second',
         payload = payload || jsonb_build_object('exp', (payload ->> 'exp')::bigint - ?, 'loginTs', (payload ->> 'loginTs')::bigint - ?)
       where tenant_id = ?`,
      [seconds, seconds, seconds, seconds, site.tenantId],
    );
  const jsonLogin = async () =>
    (
      await ask(node, 'POST', `${node.url}/api/v1/auth/login`, {
        json: { email: site.email, password: PASSWORD },
        headers: { 'x-tenant-slug': site.slug },
      })
    ).body;
  const jsonRefresh = (refreshToken: string) =>
    ask(node, 'POST', `${node.url}/api/v1/auth/refresh`, { json: { refreshToken } });
  const me = (accessToken: string) => ask(node, 'GET', `${node.url}/api/v1/me`, { headers: bearer(accessToken) });

  it('are idle and absolute, from the login on', async () => {
    const { browser } = await someTokens(node, site);
    expect(await secondsLeft()).to.be.closeTo(IDLE, 5);
    await timePasses(IDLE - 10);
    await browser.go(authorizeUrl(site));
    expect(await secondsLeft(), 'a use renews it').to.be.closeTo(IDLE, 5);
    for (let use = 0; use < 4; use++) {
      await timePasses(IDLE - 20);
      await browser.go(authorizeUrl(site));
    }
    expect(await secondsLeft(), 'but not past the absolute end').to.be.closeTo(
      ABSOLUTE - 4 * (IDLE - 20) - (IDLE - 10),
      10,
    );
  });

  it('end what hangs on it, at every door', async () => {
    const { browser, access_token, refresh_token } = await someTokens(node, site);
    const json = await jsonLogin();
    expect((await me(json.accessToken)).status).to.equal(200);
    await timePasses(IDLE + 1);
    expect((await introspect(node, site, access_token)).body).to.deep.equal({ active: false });
    expect(
      (await ask(node, 'GET', `${site.issuer}/oauth/userinfo`, { headers: bearer(access_token) })).status,
    ).to.equal(401);
    expect((await refresh(node, site, refresh_token)).body.error).to.equal('invalid_grant');
    expect(isLogin(await browser.go(authorizeUrl(site)))).to.equal(true);
    expect((await me(json.accessToken)).status).to.equal(401);
    expect((await jsonRefresh(json.refreshToken)).body.error).to.equal('IDENT_TOKEN_INVALID');
    expect(await node.house.services.sessions.list(site.call, site.user)).to.deep.equal([]);
  });

  it('are renewed by refreshes, and not past the absolute end', async () => {
    const first = await someTokens(node, site);
    await timePasses(IDLE - 10);
    let { refresh_token } = (await refresh(node, site, first.refresh_token)).body;
    expect(await secondsLeft()).to.be.closeTo(IDLE, 5);
    for (let use = 0; use < 4; use++) {
      await timePasses(IDLE - 20);
      ({ refresh_token } = (await refresh(node, site, refresh_token)).body);
    }
    const left = ABSOLUTE - (IDLE - 10) - 4 * (IDLE - 20);
    expect(await secondsLeft()).to.be.closeTo(left, 10);
    const chain = await node.house
      .db('oidc_refresh_chain')
      .where({ tenant_id: site.tenantId })
      .select(node.house.db.raw('extract(epoch from expires_at - now())::float8 as left'));
    expect(chain[0].left, 'the chain ends with it').to.be.closeTo(left, 10);
  });

  it('are renewed by calls of our own API, once a minute, and not past the absolute end', async () => {
    const { accessToken } = await jsonLogin();
    const uid = String(decodeJwt(accessToken)['ses']);
    await timePasses(30);
    await me(accessToken);
    expect(await secondsLeft(uid)).to.be.closeTo(IDLE - 30, 5);
    await timePasses(60);
    await me(accessToken);
    expect(await secondsLeft(uid)).to.be.closeTo(IDLE, 5);
    await node.house
      .db('oidc_session')
      .where({ tenant_id: site.tenantId, uid })
      .update({
        payload: node.house.db.raw(
          `payload || jsonb_build_object('loginTs', floor(extract(epoch from now()))::bigint - ?)`,
          [ABSOLUTE - 100],
        ),
        seen_at: new Date(Date.now() - 61_000),
      });
    await me(accessToken);
    expect(await secondsLeft(uid)).to.be.closeTo(100, 5);
  });

  it('are not renewed by offline access, which outlives it', async () => {
    const offline = { scope: 'openid offline_access', prompt: 'consent' };
    const browser = aBrowser(node);
    const consent = await browser.signIn(authorizeUrl(site, offline), site.email);
    const back = await browser.submit(consent, { action: 'allow' });
    const form = { grant_type: 'authorization_code', redirect_uri: CALLBACK, code_verifier: 'v'.repeat(43) };
    const code = back.url.searchParams.get('code') as string;
    const { refresh_token } = (await post(node, site, '/oauth/token', { ...form, code })).body;
    await timePasses(IDLE - 10);
    const renewed = await refresh(node, site, refresh_token);
    expect(renewed.status).to.equal(200);
    expect(await secondsLeft()).to.be.closeTo(10, 5);
    await timePasses(20);
    expect((await refresh(node, site, renewed.body.refresh_token)).status).to.equal(200);
  });

  it('are told with the refresh token of a JSON login', async () => {
    expect((await jsonLogin()).refreshExpiresIn).to.be.closeTo(ABSOLUTE, 5);
    const login = await jsonLogin();
    await timePasses(0);
    await node.house
      .db('oidc_session')
      .where({ tenant_id: site.tenantId })
      .update({
        payload: node.house.db.raw(`payload || jsonb_build_object('loginTs', (payload ->> 'loginTs')::bigint - 4000)`),
      });
    const { body } = await jsonRefresh(login.refreshToken);
    expect(body.refreshExpiresIn).to.be.closeTo(ABSOLUTE - 4_000, 5);
  });

  it('hold for the sessions that are there, when the tenant makes them shorter', async () => {
    const { browser, access_token } = await someTokens(node, site);
    const { accessToken } = await jsonLogin();
    await timePasses(600);
    await me(accessToken);
    await node.house.services.tenants.updateSettings(site.call, { sessions: { idleSeconds: 300 } });
    await sweep(site.call, node.house.services.sessionSweep.run);
    expect((await introspect(node, site, access_token)).body).to.deep.equal({ active: false });
    expect(isLogin(await browser.go(authorizeUrl(site)))).to.equal(true);
    expect((await me(accessToken)).status, 'one that was used since').to.equal(200);
    expect(await secondsLeft(String(decodeJwt(accessToken)['ses']))).to.be.closeTo(300, 5);
  });

  it('end with the browser, where the person has not asked to be remembered', async () => {
    const page = await aBrowser(node).go(authorizeUrl(site));
    const cookieOf = async (fields: Record<string, string>) => {
      const browser = aBrowser(node);
      const login = await browser.go(authorizeUrl(site));
      const back = await browser.submit(login, {
        identifier: site.email,
        password: PASSWORD,
        action: 'login',
        ...fields,
      });
      return back.headers.getSetCookie().find((cookie) => /session=/.test(cookie)) as string;
    };
    expect(page.html).to.include('name="remember"');
    expect(await cookieOf({})).not.to.match(/expires|max-age/i);
    expect(await cookieOf({ remember: 'yes' })).to.match(/expires=/i);
    expect(await sessions().whereRaw(`payload ->> 'transient' = 'true'`)).to.have.length(1);
  });
});

describe('the number of sessions of a user', () => {
  let node: TestNode;
  before(async () => {
    // Logins of other files count for the same address.
    node = await startNode({ settings: { RATE_LIMITS: 'false' } });
  });
  after(() => node.stop());

  const limited = (maxPerUser: number) => aSite(node, { clients: [WEB], settings: { sessions: { maxPerUser } } });
  const issue = (site: Site) =>
    node.core.tokens.issue(
      { ...site.call, now: new Date() },
      { userId: site.user, amr: ['pwd'], acr: 'urn:gatehouse:acr:1fa', authTime: new Date() },
    );
  const uidsOf = async (site: Site) =>
    (await node.house.services.sessions.list(site.call, site.user)).map(({ id }) => id as string);

  it('is the tenant’s to bound: when one more begins, the oldest ends with its tokens', async () => {
    const site = await limited(2);
    const [first, second] = [await issue(site), await issue(site)];
    const { browser } = await someTokens(node, site);
    const left = await uidsOf(site);
    expect(left).to.have.length(2).and.include(second.sessionUid).and.not.include(first.sessionUid);
    const opened = (accessToken: string) => ask(node, 'GET', `${node.url}/api/v1/me`, { headers: bearer(accessToken) });
    expect([(await opened(first.accessToken)).status, (await opened(second.accessToken)).status]).to.deep.equal([
      401, 200,
    ]);
    expect((await endedLines(site.call)).map(({ target, details }) => [target, details])).to.deep.equal([
      [first.sessionUid, { reason: 'session_limit', userId: site.user }],
    ]);
    await browser.go(authorizeUrl(site, { prompt: 'login' }));
    expect(await uidsOf(site), 'a use is no new one').to.have.length(2);
  });

  it('is not exceeded by logins at the same moment', async () => {
    const site = await limited(1);
    const logins = await Promise.all(Array.from({ length: 8 }, () => issue(site)));
    const left = await uidsOf(site);
    expect(left).to.have.length(1);
    expect(logins.map(({ sessionUid }) => sessionUid)).to.include(left[0]);
    expect(await endedLines(site.call)).to.have.length(7);
  });

  it('is counted for each user by themselves', async () => {
    const site = await limited(1);
    const other = await limited(1);
    await Promise.all([issue(site), issue(other)]);
    expect([(await uidsOf(site)).length, (await uidsOf(other)).length]).to.deep.equal([1, 1]);
  });
});

describe('a password that had to be changed', () => {
  let node: TestNode;
  before(async () => {
    // Logins of other files count for the same address.
    node = await startNode({ settings: { RATE_LIMITS: 'false' } });
  });
  after(() => node.stop());

  it('ends the sessions of before, but for the one at whose browser it was changed', async () => {
    const site = await aSite(node);
    const here = await someTokens(node, site);
    const there = await someTokens(node, site);
    await node.house.services.passwords.set(site.call, site.user, PASSWORD, { mustChange: true });
    const login = await here.browser.go(authorizeUrl(site, { prompt: 'login' }));
    const page = await here.browser.submit(login, { identifier: site.email, password: PASSWORD, action: 'login' });
    const next = 'seven quiet rivers at dawn';
    const back = await here.browser.submit(page, { password: next, password_confirmation: next, action: 'save' });
    expect(back.url.searchParams.get('code')).to.be.a('string');
    expect((await introspect(node, site, there.access_token)).body).to.deep.equal({ active: false });
    expect((await introspect(node, site, here.access_token)).body.active).to.equal(true);
    expect((await endedLines(site.call)).map(({ details }) => details)).to.deep.equal([
      { reason: 'password_changed', userId: site.user },
    ]);
  });

  it('ends them all, when it was changed at another browser, whose login goes through', async () => {
    const site = await aSite(node);
    const there = await someTokens(node, site);
    await node.house.services.passwords.set(site.call, site.user, PASSWORD, { mustChange: true });
    const browser = aBrowser(node);
    const page = await browser.signIn(authorizeUrl(site), site.email);
    const next = 'seven quiet rivers at dawn';
    const back = await browser.submit(page, { password: next, password_confirmation: next, action: 'save' });
    expect(back.url.searchParams.get('code')).to.be.a('string');
    expect((await introspect(node, site, there.access_token)).body).to.deep.equal({ active: false });
    expect(await node.house.services.sessions.list(site.call, site.user)).to.have.length(1);
  });
});
