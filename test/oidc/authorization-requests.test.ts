import { expect } from 'chai';
import { aBrowser } from '../support/browser.ts';
import { listening } from '../support/listener.ts';
import {
  API,
  aSite,
  CALLBACK,
  PASSWORD,
  ROBOT,
  ROBOT_SECRET,
  type Site,
  SPA,
  startNode,
  type TestNode,
  WEB,
} from '../support/node.ts';
import { ask, authorizeUrl, basic, forgeJws, isLogin, post, someTokens } from '../support/oauth.ts';

const NATIVE = {
  clientId: 'native',
  kind: 'native',
  redirectUris: ['http://127.0.0.1/cb', 'com.example.app:/cb'],
} as const;

/** What is not the redirect URI of a client, however much it looks like one. */
const EVIL = [
  `${CALLBACK}/more`,
  `${CALLBACK}/`,
  `${CALLBACK}/../cb`,
  'http://localhost:4000/x/../cb',
  'http://localhost:4000/%2e%2e/cb',
  'http://localhost:4000/c%62',
  'https://APP.example/cb',
  'https://app.example/CB',
  'https://good@app.example/cb',
  'https://app.example@evil.test/cb',
  'https://app.example.evil.test/cb',
  'https://app.example/cb#x',
  'https://app.example/cb?x=1',
  'https://app.example/cb?',
  'https://app.example\\@evil.test/cb',
  'https://app.example/cb\t',
  'https://app.example/cb\r\nSet-Cookie:%20a=b',
  'https://аpp.example/cb',
  'https://app.example:8443/cb',
  'https://app.example:443/cb',
  'http://app.example/cb',
  'http://localhost:4001/cb',
  '//app.example/cb',
  '/cb',
  'javascript:alert(1)',
  'data:text/html,x',
  'http://127.0.0.1:4000/cb',
];

describe('authorization requests', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    site = await aSite(node, {
      clients: [
        { ...WEB, redirectUris: [CALLBACK, 'https://app.example/cb'] },
        SPA,
        NATIVE,
        ROBOT,
        { ...WEB, clientId: 'third', firstParty: false },
      ],
    });
  });
  after(() => node.stop());

  /** Where the answer leads: the parameters that the application gets, or the page on which it ends. */
  async function answerTo(changes: Record<string, string | undefined>, browser = aBrowser(node)) {
    const visited = await browser.go(authorizeUrl(site, changes));
    return {
      ...visited,
      left: !visited.url.href.startsWith(node.url),
      ...Object.fromEntries(visited.url.searchParams),
    } as typeof visited & { left: boolean; error?: string; code?: string };
  }

  for (const [what, changes] of Object.entries({
    'no challenge': { code_challenge: undefined, code_challenge_method: undefined },
    'the plain method': { code_challenge_method: 'plain' },
    'a challenge without its method': { code_challenge_method: undefined },
    'a challenge that is too short': { code_challenge: 'short' },
  })) {
    it(`is sent back with ${what}: PKCE is for every client (OA06, OA07)`, async () => {
      expect(await answerTo(changes)).to.include({
        left: true,
        error: 'invalid_request',
        iss: site.issuer,
        state: 'state',
      });
    });
  }

  it('ends on a page of ours for every redirect URI that is not one of the client to the character (OA10)', async () => {
    for (const uri of EVIL) {
      const { left, status, headers } = await answerTo({ redirect_uri: uri });
      expect({ uri: JSON.stringify(uri), left, status, location: headers.get('location') }).to.deep.equal({
        uri: JSON.stringify(uri),
        left: false,
        status: 400,
        location: null,
      });
    }
  });

  it('lets a native client choose its loopback port, and nothing else (OA11)', async () => {
    const native = (redirect_uri: string) => answerTo({ client_id: 'native', redirect_uri });
    expect(isLogin(await native('http://127.0.0.1:51234/cb'))).to.equal(true);
    for (const uri of [
      'http://127.0.0.1:51234/other',
      'http://localhost:51234/cb',
      'http://[::1]:51234/cb',
      'https://127.0.0.1:51234/cb',
      'com.example.app:/other',
      'com.example.app://cb',
    ])
      expect(await native(uri), uri).to.include({ left: false, status: 400 });
  });

  it('needs the redirect URI also where only one is registered (OA12)', async () => {
    expect(await answerTo({ client_id: 'third', redirect_uri: undefined })).to.include({ left: false, status: 400 });
  });

  for (const name of ['redirect_uri', 'client_id', 'state', 'scope', 'code_challenge', 'nonce']) {
    it(`is refused with ${name} twice (OA13)`, async () => {
      const url = authorizeUrl(site, { nonce: 'n' });
      url.searchParams.append(name, url.searchParams.get(name) as string);
      const page = await aBrowser(node).go(url);
      const error = page.url.href.startsWith(node.url) ? page.status : page.url.searchParams.get('error');
      expect(error).to.be.oneOf([400, 'invalid_request']);
    });
  }

  it('cannot mix query and body: the endpoint takes no POST (OA13)', async () => {
    const answer = await ask(node, 'POST', authorizeUrl(site).href, { form: { client_id: 'web' } });
    expect(answer.status).to.equal(404);
  });

  for (const type of ['token', 'id_token', 'code id_token', 'id_token token', 'none', 'code token', '']) {
    it(`is refused with the response type "${type}" (OA14)`, async () => {
      const { error, code, url, left } = await answerTo({ response_type: type, nonce: 'n' });
      const told = error ?? new URLSearchParams(url.hash.slice(1)).get('error');
      expect({ left, code }).to.deep.equal({ left: true, code: undefined });
      expect(told).to.be.oneOf(['unsupported_response_type', 'invalid_request']);
    });
  }

  it('escapes what a form_post page carries, and knows no other response mode than those of OAuth (OA15)', async () => {
    const state = '"><script>alert(1)</script>';
    const page = await aBrowser(node).go(authorizeUrl(site, { response_mode: 'form_post', state, prompt: 'none' }));
    expect(page.html).to.include('login_required').and.not.include('<script>alert');
    for (const response_mode of ['web_message', 'jwt', 'toString', '__proto__', 'okta_post_message'])
      expect((await answerTo({ response_mode })).error, response_mode).to.be.oneOf([
        'invalid_request',
        'unsupported_response_mode',
      ]);
  });

  it('is kept as it came: what is changed in the address of the way back counts for nothing (OA16)', async () => {
    const browser = aBrowser(node);
    const page = await browser.go(authorizeUrl(site));
    const uid = page.url.pathname.split('/').at(-1) as string;
    await browser.submit(page, { identifier: site.email, password: 'wrong password', action: 'login' });
    const early = await browser.go(
      `${site.issuer}/oauth/authorize/${uid}?client_id=third&response_type=token&prompt=none`,
    );
    expect(early.url.searchParams.get('code')).to.equal(null);
    const again = await browser.go(authorizeUrl(site));
    const back = await browser.submit(again, { identifier: site.email, password: PASSWORD, action: 'login' });
    expect(back.url.searchParams.get('code')).to.be.a('string');
    const resumed = await browser.go(
      `${site.issuer}/oauth/authorize/${again.url.pathname.split('/').at(-1)}?client_id=third&redirect_uri=https://app.example/cb`,
    );
    expect(resumed.url.searchParams.get('code')).to.equal(null);
  });

  it('with prompt=none tells what is missing, and never gives a code (OA17)', async () => {
    expect(await answerTo({ prompt: 'none' }))
      .to.include({ error: 'login_required' })
      .and.not.have.property('code');
    const { browser } = await someTokens(node, site);
    expect(await answerTo({ prompt: 'none', client_id: 'third' }, browser))
      .to.include({ error: 'consent_required' })
      .and.not.have.property('code');
    expect(await answerTo({ prompt: 'none', acr_values: 'urn:gatehouse:acr:2fa' }, browser)).to.include({
      error: 'unmet_authentication_requirements',
    });
    expect((await answerTo({ prompt: 'none login' }, browser)).error).to.equal('invalid_request');
    expect((await answerTo({ prompt: 'none', max_age: '0' }, browser)).error).to.be.oneOf([
      'login_required',
      'invalid_request',
    ]);
  });

  it('asks for the password again with max_age=0, and takes no age that is not a whole number (OA18)', async () => {
    const { browser } = await someTokens(node, site);
    expect(isLogin(await answerTo({ max_age: '0' }, browser))).to.equal(true);
    for (const max_age of ['-1', '1.5', 'soon', '1e3', '99999999999999999999', ' 1', '0x10'])
      expect((await answerTo({ max_age }, browser)).error, max_age).to.equal('invalid_request');
  });

  it('does not overstate the class of a login (OA19)', async () => {
    const browser = aBrowser(node);
    const back = await browser.signIn(authorizeUrl(site, { acr_values: 'urn:gatehouse:acr:2fa' }), site.email);
    expect(back.url.searchParams.get('error')).to.equal('unmet_authentication_requirements');
    const claims = JSON.stringify({ id_token: { acr: { essential: true, value: 'urn:gatehouse:acr:2fa' } } });
    const essential = await browser.signIn(authorizeUrl(site, { claims }), site.email);
    expect(essential.url.searchParams.get('error')).to.equal('unmet_authentication_requirements');
  });

  it('takes no unsigned request object and fetches none (OA21)', async () => {
    const inside = await listening((socket) => socket.end());
    try {
      const request = forgeJws({ alg: 'none' }, { client_id: 'web', redirect_uri: CALLBACK, scope: 'openid' });
      expect((await answerTo({ request })).error).to.be.oneOf(['invalid_request_object', 'request_not_supported']);
      for (const request_uri of [
        `http://127.0.0.1:${inside.port}/r`,
        'https://169.254.169.254/',
        'file:///etc/passwd',
        'urn:ietf:params:oauth:request_uri:unknown',
      ])
        expect(await answerTo({ request_uri }), request_uri).to.satisfy(
          ({ error, status }: { error?: string; status: number }) =>
            /^(request_uri_not_supported|invalid_request_uri)$/.test(String(error)) || status === 400,
        );
      expect(inside.connections()).to.equal(0);
    } finally {
      await inside.close();
    }
  });

  it('that was pushed is for its own client, for a minute, and once (OA22)', async () => {
    const push = async () =>
      (await post(node, site, '/oauth/par', authorizeUrl(site).searchParams.toString())).body.request_uri as string;
    const url = (request_uri: string, client_id = 'web') =>
      `${site.issuer}/oauth/authorize?${new URLSearchParams({ client_id, request_uri })}`;
    expect((await aBrowser(node).go(url(await push(), 'third'))).status).to.equal(400);
    const once = await push();
    expect((await aBrowser(node).signIn(url(once), site.email)).url.searchParams.get('code')).to.be.a('string');
    expect((await aBrowser(node).go(url(once))).status).to.equal(400);
    const late = await push();
    await node.house
      .db('oidc_transient')
      .where({ tenant_id: site.tenantId, model: 'PushedAuthorizationRequest' })
      .delete();
    expect((await aBrowser(node).go(url(late))).status).to.equal(400);
  });

  it('gets its scopes by the grammar: what is none is refused, what is unknown is not granted (OA44, OA64)', async () => {
    for (const scope of ['openid "x"', 'openid é', 'openid \\', 'openid \u0001'])
      expect((await answerTo({ scope })).error, scope).to.equal('invalid_scope');
    const thousand = Array.from({ length: 1000 }, (_, index) => `s${index}`).join(' ');
    expect(await answerTo({ scope: `openid ${thousand}` })).to.include({ left: false, status: 400 });
    expect((await someTokens(node, site, { scope: 'openid unknown tenant:other' })).scope).to.equal('openid');
    const machine = (scope: string) =>
      post(
        node,
        site,
        '/oauth/token',
        { grant_type: 'client_credentials', resource: API, scope },
        basic('robot', ROBOT_SECRET),
      );
    for (const scope of ['openid', 'offline_access', 'write', 'tenant:other']) {
      const { status, body } = await machine(scope);
      expect(status === 400 || !body.scope, scope).to.equal(true);
    }
    expect((await machine('x'.repeat(50_000))).status).to.be.oneOf([400, 413]);
  });

  it('is always answered with the issuer, in success and in refusal (OA56)', async () => {
    const back = await aBrowser(node).signIn(authorizeUrl(site), site.email);
    expect(back.url.searchParams.get('iss')).to.equal(site.issuer);
    expect(await answerTo({ prompt: 'none' })).to.include({ iss: site.issuer });
  });

  it('has one spelling of each endpoint: no other case, no slash behind it', async () => {
    for (const path of [
      '/OAUTH/authorize',
      '/oauth/Authorize',
      '/oauth/authorize/',
      '/oauth//authorize',
      '/oauth/token/',
      '/OAuth/Token',
      '/%6fauth/token',
    ])
      expect((await post(node, site, path, { grant_type: 'client_credentials' })).status, path).to.equal(404);
  });
});
