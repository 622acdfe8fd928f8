import { expect } from 'chai';
import { aBrowser } from '../support/browser.ts';
import { aSite, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import { ask, authorizeUrl, introspect, isLogin, post, someTokens } from '../support/oauth.ts';

describe('logout', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    site = await aSite(node, { clients: [WEB, { ...WEB, clientId: 'other' }] });
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
