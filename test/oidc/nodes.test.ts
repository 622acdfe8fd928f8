import { expect } from 'chai';
import { aBrowser } from '../support/browser.ts';
import { API, aSite, ROBOT, ROBOT_SECRET, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import {
  anotherAdmin,
  authorizeUrl,
  basic,
  eventually,
  introspect,
  isLogin,
  post,
  refresh,
  someTokens,
} from '../support/oauth.ts';

/** Within which another node obeys (milliseconds). */
const BOUND = 1_000;

describe('what one node does', () => {
  let here: TestNode;
  let there: TestNode;
  let site: Site;
  before(async () => {
    here = await startNode();
    there = await startNode({ publicUrl: here.url });
  });
  beforeEach(async () => {
    site = await aSite(here, { clients: [WEB, ROBOT] });
    await anotherAdmin(here, site);
  });
  after(async () => {
    await there.stop();
    await here.stop();
  });

  const obeyed = (what: string, condition: () => Promise<boolean>) => eventually(what, condition, BOUND);
  const isActive = async (token: string) => (await introspect(there, site, token)).body?.active === true;
  const machine = async () =>
    (
      await post(
        there,
        site,
        '/oauth/token',
        { grant_type: 'client_credentials', resource: API },
        basic('robot', ROBOT_SECRET),
      )
    ).status;

  it('the others know: a login here is a login there', async () => {
    const { browser, access_token, refresh_token } = await someTokens(here, site);
    const other = aBrowser(there);
    other.setCookies(browser.cookies());
    expect((await other.go(authorizeUrl(site, { prompt: 'none' }))).url.searchParams.get('code')).to.be.a('string');
    expect(await isActive(access_token)).to.equal(true);
    expect((await refresh(there, site, refresh_token)).status).to.equal(200);
  });

  it('the others obey: a user is suspended', async () => {
    const { browser, access_token, refresh_token } = await someTokens(there, site);
    expect(await isActive(access_token)).to.equal(true);
    await here.house.services.users.suspend(site.call, site.user);
    await obeyed('the token to be worth nothing', async () => !(await isActive(access_token)));
    expect((await refresh(there, site, refresh_token)).status).to.equal(400);
    expect(isLogin(await browser.go(authorizeUrl(site)))).to.equal(true);
  });

  it('the others obey: a session is revoked', async () => {
    const { browser, access_token } = await someTokens(there, site);
    const [session] = await here.house.services.sessions.list(site.call, site.user);
    await here.house.services.sessions.end(site.call, site.user, session!.id);
    await obeyed('the token to be worth nothing', async () => !(await isActive(access_token)));
    expect(isLogin(await browser.go(authorizeUrl(site)))).to.equal(true);
  });

  it('the others obey: a client is disabled, and enabled again', async () => {
    expect(await machine()).to.equal(200);
    await here.house.services.clients.disable(site.call, 'robot');
    await obeyed('the client to be shut out', async () => (await machine()) === 401);
    await here.house.services.clients.enable(site.call, 'robot');
    await obeyed('the client to be let in', async () => (await machine()) === 200);
  });

  it('the others obey: a client gets another secret', async () => {
    expect(await machine()).to.equal(200);
    const { secret } = await here.house.services.clients.rotateSecret(site.call, 'robot');
    await obeyed('the old secret to be refused', async () => (await machine()) === 401);
    expect(
      (
        await post(
          there,
          site,
          '/oauth/token',
          { grant_type: 'client_credentials', resource: API },
          basic('robot', secret),
        )
      ).status,
    ).to.equal(200);
  });

  it('the others obey: a client loses a redirect URI', async () => {
    const statusOf = async () => (await aBrowser(there).go(authorizeUrl(site))).status;
    expect(await statusOf()).to.equal(200);
    await here.house.services.clients.update(site.call, 'web', { redirectUris: ['https://app.example/cb'] });
    await obeyed('the old address to be refused', async () => (await statusOf()) === 400);
  });

  it('the others obey: a client is removed', async () => {
    const { access_token } = await someTokens(there, site);
    await here.house.services.clients.remove(site.call, 'web');
    await obeyed('the client to be unknown', async () => (await introspect(there, site, access_token)).status === 401);
  });

  it('the others obey: a tenant is suspended, and opened again', async () => {
    await someTokens(there, site);
    expect(await machine()).to.equal(200);
    await here.house.services.tenants.suspend(site.call);
    await obeyed('the tenant to be gone', async () => (await machine()) === 404);
    await here.house.services.tenants.reactivate(site.call);
    await obeyed('the tenant to be back', async () => (await machine()) === 200);
    await someTokens(there, site);
  });

  it('the others obey: an API loses a scope', async () => {
    const scopeOf = async () =>
      (
        await post(
          there,
          site,
          '/oauth/token',
          { grant_type: 'client_credentials', resource: API },
          basic('robot', ROBOT_SECRET),
        )
      ).body.scope;
    expect(await scopeOf()).to.equal('read');
    const { apis } = here.house.services;
    const [api] = await apis.list(site.call);
    await apis.update(site.call, api!.id, { scopes: ['write'] });
    await obeyed('the scope to be gone', async () => (await scopeOf()) !== 'read');
  });
});
