import { expect } from 'chai';
import { decodeJwt, decodeProtectedHeader, importJWK, type JWK, SignJWT } from 'jose';
import { aBrowser } from '../support/browser.ts';
import { aSite, PASSWORD, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import { ask, authorizeUrl, eventually, introspect, isLogin, post, refresh, someTokens } from '../support/oauth.ts';
import { auditOf } from '../support/rooms.ts';
import { endedLines, owedLogouts } from '../support/sessions.ts';

describe('logout', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    const told = { ...WEB, backchannelLogoutUri: 'http://127.0.0.1:9/logout' };
    site = await aSite(node, { clients: [told, { ...told, clientId: 'other' }] });
  });
  after(() => node.stop());

  it('needs the confirmation of the person: a picture that names the address ends nothing (OA52)', async () => {
    const { browser, access_token, id_token } = await someTokens(node, site);
    for (const query of [
      '',
      `?${new URLSearchParams({ id_token_hint: id_token })}`,
      '?logout=yes',
      '?client_id=web&logout=yes',
    ]) {
      const page = await browser.go(`${site.issuer}/oauth/logout${query}`);
      expect([page.status, page.html.includes('name="xsrf"')]).to.deep.equal([200, true]);
    }
    expect((await introspect(node, site, access_token)).body.active).to.equal(true);
    expect(isLogin(await browser.go(authorizeUrl(site)))).to.equal(false);
  });

  it('takes no form of another page (OA52, SE11)', async () => {
    const { browser, access_token } = await someTokens(node, site);
    await browser.go(`${site.issuer}/oauth/logout`);
    for (const form of [
      { logout: 'yes' },
      { logout: 'yes', xsrf: '' },
      { logout: 'yes', xsrf: 'x'.repeat(48) },
    ] as Record<string, string>[])
      expect((await browser.go(`${site.issuer}/oauth/logout/confirm`, form)).status).to.equal(400);
    expect((await browser.go(`${site.issuer}/oauth/logout/confirm?logout=yes`)).status).to.equal(404);
    expect((await introspect(node, site, access_token)).body.active).to.equal(true);
    expect(
      (await aBrowser(node).go(`${site.issuer}/oauth/logout/confirm`, { logout: 'yes', xsrf: 'x' })).status,
      'without a session',
    ).to.equal(400);
  });

  it('goes back only to an address that the client has registered for it', async () => {
    const { browser, id_token } = await someTokens(node, site);
    for (const uri of [
      'https://evil.test/',
      'http://localhost:4000/x',
      'http://localhost:4000',
      'javascript:alert(1)',
      '//evil.test',
      'http://localhost:4000/?a=b',
    ])
      expect(
        (
          await browser.go(
            `${site.issuer}/oauth/logout?${new URLSearchParams({ id_token_hint: id_token, post_logout_redirect_uri: uri })}`,
          )
        ).status,
        uri,
      ).to.equal(400);
    const unknown = await browser.go(`${site.issuer}/oauth/logout?post_logout_redirect_uri=https://evil.test/`);
    const done = await browser.submit(unknown, { logout: 'yes' });
    expect(done.url.href).to.match(new RegExp(`^${site.issuer}/`));
  });

  it('ends the session, its tokens, and the value of its cookie', async () => {
    const { browser, access_token } = await someTokens(node, site);
    const before = browser.cookies();
    const page = await browser.go(`${site.issuer}/oauth/logout`);
    await browser.submit(page, { logout: 'yes' });
    expect((await introspect(node, site, access_token)).body).to.deep.equal({ active: false });
    browser.setCookies(before);
    expect(isLogin(await browser.go(authorizeUrl(site)))).to.equal(true);
  });

  it('of one application leaves the others signed in', async () => {
    const { browser, access_token, id_token } = await someTokens(node, site);
    await browser.go(authorizeUrl(site, { client_id: 'other' }));
    const page = await browser.go(`${site.issuer}/oauth/logout?${new URLSearchParams({ id_token_hint: id_token })}`);
    await browser.submit(page, {});
    expect((await introspect(node, site, access_token)).body).to.deep.equal({ active: false });
    expect(
      (await browser.go(authorizeUrl(site, { client_id: 'other', prompt: 'none' }))).url.searchParams.get('code'),
    ).to.be.a('string');
  });

  const logoutUrl = (query: Record<string, string> = {}) => `${site.issuer}/oauth/logout?${new URLSearchParams(query)}`;
  /** A browser that two applications have signed somebody in at, and how to see which of them are owed a logout. */
  async function atTwo() {
    const before = new Set((await owedLogouts(site.call)).map(({ id }) => id));
    const tokens = await someTokens(node, site);
    await tokens.browser.go(authorizeUrl(site, { client_id: 'other' }));
    const owed = async () =>
      (await owedLogouts(site.call))
        .filter(({ id }) => !before.has(id))
        .map(({ clientId }) => clientId)
        .sort();
    return { ...tokens, owed };
  }

  it('of one application owes it a logout, and of all that is left owes the others one', async () => {
    const { browser, id_token, owed } = await atTwo();
    await browser.submit(await browser.go(logoutUrl({ id_token_hint: id_token })), {});
    expect(await owed()).to.deep.equal(['web']);
    await browser.submit(await browser.go(logoutUrl()), { logout: 'yes' });
    expect(await owed()).to.deep.equal(['other', 'web']);
  });

  it('of all applications owes each a logout, once, and says in the trail who went', async () => {
    const { browser, id_token, owed } = await atTwo();
    await browser.submit(await browser.go(logoutUrl({ id_token_hint: id_token })), { logout: 'yes' });
    expect(await owed()).to.deep.equal(['other', 'web']);
    const line = (await endedLines(site.call)).at(-1);
    expect(line).to.deep.include({ actorKind: 'user', actorId: site.user, ip: '127.0.0.1' });
    expect(line?.details).to.deep.equal({ reason: 'sign_out', userId: site.user });
  });

  it('of a family whose token came again owes each application one, and names who brought it', async () => {
    const { browser, refresh_token, owed } = await atTwo();
    const next = (await refresh(node, site, refresh_token)).body.refresh_token;
    await refresh(node, site, next);
    expect((await refresh(node, site, refresh_token)).body.error).to.equal('invalid_grant');
    expect(await owed()).to.deep.equal(['other', 'web']);
    const line = (await endedLines(site.call)).at(-1);
    expect(line).to.deep.include({ ip: '127.0.0.1', details: { reason: 'refresh_replay', userId: site.user } });
    expect(isLogin(await browser.go(authorizeUrl(site)))).to.equal(true);
    await eventually('the refusal in the trail', async () => (await auditOf(site.call)).includes('refresh.replayed'));
  });

  it('of who was there before owes each application one, when somebody else signs in', async () => {
    const { browser, owed } = await atTwo();
    const email = `eve@${site.slug}.test`;
    await node.house.services.users.create(site.call, { email, status: 'active', password: PASSWORD });
    const page = await browser.go(authorizeUrl(site, { prompt: 'login' }));
    const back = await browser.submit(page, { identifier: email, password: PASSWORD, action: 'login' });
    expect(back.url.searchParams.get('code')).to.be.a('string');
    expect(await owed()).to.deep.equal(['other', 'web']);
    expect((await endedLines(site.call)).at(-1)?.details).to.include({ reason: 'account_switched' });
  });

  /** An ID token as the issuer wrote it a month ago. */
  async function asOfLastMonth(token: string): Promise<string> {
    const { kid, alg } = decodeProtectedHeader(token);
    const keys = await node.house.services.signingKeys.keysOf(site.call);
    const key = await importJWK(keys.find((one) => one.kid === kid)?.privateJwk as JWK, alg);
    const { iat = 0, exp = 0, ...claims } = decodeJwt(token);
    const payload = { ...claims, iat: iat - 30 * 86_400, exp: exp - 30 * 86_400 };
    return new SignJWT(payload).setProtectedHeader({ kid: kid as string, alg: alg as string }).sign(key);
  }

  it('takes an ID token that has expired as a hint, and none that is not the client’s own', async () => {
    const { browser, id_token, access_token } = await someTokens(node, site);
    const expired = await browser.go(logoutUrl({ id_token_hint: await asOfLastMonth(id_token) }));
    expect(expired.html).to.include(site.email).and.include('name="logout"');
    const [head, body, signature] = id_token.split('.') as [string, string, string];
    const forged = JSON.stringify({ ...JSON.parse(Buffer.from(body, 'base64url').toString()), sub: 'somebody' });
    const wrong: Record<string, Record<string, string>> = {
      garbage: { id_token_hint: 'garbage' },
      'changed content': { id_token_hint: `${head}.${Buffer.from(forged).toString('base64url')}.${signature}` },
      'no signature': { id_token_hint: `${head}.${body}.` },
      'an access token': { id_token_hint: access_token },
      'another client': { id_token_hint: id_token, client_id: 'other' },
      'an unknown client': { client_id: 'nobody' },
      'two hints': { id_token_hint: `${id_token} ${id_token}` },
    };
    for (const [what, query] of Object.entries(wrong)) {
      const { status, html } = await browser.go(logoutUrl(query));
      expect([what, status, html.includes('name="logout"')]).to.deep.equal([what, 400, false]);
    }
    const elsewhere = await someTokens(node, await aSite(node));
    expect((await browser.go(logoutUrl({ id_token_hint: elsewhere.id_token }))).status).to.equal(400);
    expect((await introspect(node, site, access_token)).body.active).to.equal(true);
  });

  it('leads who is not signed in on without a question and without a script', async () => {
    const { id_token } = await someTokens(node, site);
    const back = { post_logout_redirect_uri: 'http://localhost:4000/', state: 'x y' };
    const stranger = aBrowser(node);
    const gone = await stranger.go(logoutUrl({ id_token_hint: id_token, ...back }));
    expect(gone.url.href).to.equal('http://localhost:4000/?state=x+y');
    const page = await stranger.go(logoutUrl());
    expect([page.status, page.html.includes('<script')]).to.deep.equal([200, false]);
    expect(page.html).to.include('signed out');
    expect((await stranger.go(logoutUrl(back))).url.href, 'nobody’s address').to.match(new RegExp(`^${site.issuer}/`));
  });

  it('may be asked for by a form of the application, with which no cookie of ours comes', async () => {
    const { browser, id_token, access_token } = await someTokens(node, site);
    const form = { id_token_hint: id_token, state: 's', unknown: 'x' };
    const sent = await ask(node, 'POST', `${site.issuer}/oauth/logout`, { form });
    const to = new URL(sent.headers.get('location') as string, site.issuer);
    expect([sent.status, sent.headers.get('set-cookie')]).to.deep.equal([303, null]);
    expect(Object.fromEntries(to.searchParams)).to.deep.equal({ id_token_hint: id_token, state: 's' });
    await browser.submit(await browser.go(to), { logout: 'yes' });
    expect((await introspect(node, site, access_token)).body).to.deep.equal({ active: false });
    const twice = await ask(node, 'POST', `${site.issuer}/oauth/logout`, { form: 'state=a&state=b' });
    expect(twice.status).to.equal(400);
  });

  it('is not done by another method than its own (SE12)', async () => {
    const { access_token } = await someTokens(node, site);
    for (const headers of [{ 'x-http-method-override': 'DELETE' }, { 'x-method-override': 'POST' }] as Record<
      string,
      string
    >[])
      expect(
        (await ask(node, 'GET', `${site.issuer}/oauth/revoke?token=${access_token}&_method=POST`, { headers })).status,
      ).to.equal(404);
    expect((await post(node, site, '/oauth/revoke', { token: access_token, _method: 'GET' }, {})).status).to.equal(400);
    expect((await introspect(node, site, access_token)).body.active).to.equal(true);
  });
});
