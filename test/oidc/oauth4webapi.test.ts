import { expect } from 'chai';
import * as oauth from 'oauth4webapi';
import { aBrowser } from '../support/browser.ts';
import {
  API,
  aSite,
  CALLBACK,
  fetchAt,
  PASSWORD,
  ROBOT,
  ROBOT_SECRET,
  type Site,
  startNode,
  type TestNode,
  TV,
  WEB,
  WEB_SECRET,
} from '../support/node.ts';

describe('oauth4webapi at a tenant of Gatehouse', () => {
  let node: TestNode;
  let site: Site;
  let server: oauth.AuthorizationServer;
  let options: { [oauth.customFetch]: typeof fetch; [oauth.allowInsecureRequests]: true };
  const web: oauth.Client = { client_id: 'web' };
  const authentication = oauth.ClientSecretBasic(WEB_SECRET);

  before(async () => {
    node = await startNode();
    site = await aSite(node, { clients: [WEB, TV, ROBOT] });
    options = { [oauth.customFetch]: fetchAt(node), [oauth.allowInsecureRequests]: true };
    const issuer = new URL(site.issuer);
    server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options as never));
  });
  after(() => node.stop());

  /** Code and PKCE through the login page, pushed first where asked. */
  async function code({ par = false, extra = {} }: { par?: boolean; extra?: Record<string, string> } = {}) {
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    const parameters = new URLSearchParams({
      client_id: 'web',
      redirect_uri: CALLBACK,
      response_type: 'code',
      scope: 'openid read',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      ...extra,
    });
    let query = parameters;
    if (par) {
      const pushed = await oauth.pushedAuthorizationRequest(server, web, authentication, parameters, options);
      const { request_uri: uri } = await oauth.processPushedAuthorizationResponse(server, web, pushed);
      query = new URLSearchParams({ client_id: 'web', request_uri: uri });
    }
    const browser = aBrowser(node);
    const back = await browser.signIn(`${server.authorization_endpoint}?${query}`, site.email);
    return { browser, verifier, nonce, parameters: oauth.validateAuthResponse(server, web, back.url, state) };
  }

  type Dpop = { DPoP?: oauth.DPoPHandle };
  async function redeem({ parameters, verifier, nonce }: Awaited<ReturnType<typeof code>>, more: Dpop = {}) {
    const answer = await oauth.authorizationCodeGrantRequest(
      server,
      web,
      authentication,
      parameters,
      CALLBACK,
      verifier,
      { ...options, ...more },
    );
    return oauth.processAuthorizationCodeResponse(server, web, answer, { expectedNonce: nonce, requireIdToken: true });
  }

  it('signs in by code and PKCE, and the response names its issuer', async () => {
    const tokens = await redeem(await code());
    expect(oauth.getValidatedIdTokenClaims(tokens)).to.include({ iss: site.issuer, sub: site.user, aud: 'web' });
    const info = await oauth.userInfoRequest(server, web, tokens.access_token, options as never);
    expect(await oauth.processUserInfoResponse(server, web, site.user, info)).to.include({ sub: site.user });
  });

  it('pushes the request first, and binds the tokens to a key', async () => {
    const DPoP = oauth.DPoP(web, await oauth.generateKeyPair('ES256'));
    const tokens = await redeem(await code({ par: true }), { DPoP });
    expect(tokens.token_type).to.equal('dpop');
    const info = await oauth.userInfoRequest(server, web, tokens.access_token, { ...options, DPoP } as never);
    expect((await oauth.processUserInfoResponse(server, web, site.user, info)).sub).to.equal(site.user);
  });

  it('refreshes, introspects and revokes', async () => {
    const tokens = await redeem(await code());
    const answer = await oauth.refreshTokenGrantRequest(
      server,
      web,
      authentication,
      tokens.refresh_token as string,
      options,
    );
    const next = await oauth.processRefreshTokenResponse(server, web, answer);
    const introspect = async (token: string) =>
      oauth.processIntrospectionResponse(
        server,
        web,
        await oauth.introspectionRequest(server, web, authentication, token, options),
      );
    expect(await introspect(next.access_token)).to.include({ active: true, sub: site.user });
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(server, web, authentication, next.refresh_token as string, options),
    );
    expect(await introspect(next.access_token)).to.deep.include({ active: false });
  });

  it('gives a machine a JWT for an API, which validates as RFC 9068 says', async () => {
    const robot: oauth.Client = { client_id: 'robot' };
    const answer = await oauth.clientCredentialsGrantRequest(
      server,
      robot,
      oauth.ClientSecretPost(ROBOT_SECRET),
      new URLSearchParams({ resource: API }),
      options,
    );
    const { access_token: token } = await oauth.processClientCredentialsResponse(server, robot, answer);
    const request = new Request(API, { headers: { authorization: `Bearer ${token}` } });
    const claims = await oauth.validateJwtAccessToken(server, request, API, options as never);
    expect(claims).to.include({ client_id: 'robot', scope: 'read', sub: 'robot' });
  });

  it('signs a device in', async () => {
    const tv: oauth.Client = { client_id: 'tv' };
    const started = await oauth.deviceAuthorizationRequest(
      server,
      tv,
      oauth.None(),
      new URLSearchParams({ scope: 'openid' }),
      options,
    );
    const device = await oauth.processDeviceAuthorizationResponse(server, tv, started);
    const poll = () => oauth.deviceCodeGrantRequest(server, tv, oauth.None(), device.device_code, options);
    const pending = await oauth
      .processDeviceCodeResponse(server, tv, await poll())
      .catch((error: oauth.ResponseBodyError) => error);
    expect((pending as oauth.ResponseBodyError).error).to.equal('authorization_pending');

    const browser = aBrowser(node);
    // The address with the code in it fills the form in; a person still sends it.
    const form = await browser.go(device.verification_uri_complete as string);
    expect(form.html).to.include(device.user_code);
    const confirm = await browser.submit(form, { user_code: device.user_code });
    const login = await browser.submit(confirm, { confirm: 'yes' });
    const consent = await browser.submit(login, { identifier: site.email, password: PASSWORD, action: 'login' });
    await browser.submit(consent, { action: 'allow' });

    const second = await startNode({ publicUrl: node.url });
    try {
      const elsewhere = { ...options, [oauth.customFetch]: fetchAt(second) };
      const answer = await oauth.deviceCodeGrantRequest(server, tv, oauth.None(), device.device_code, elsewhere);
      const tokens = await oauth.processDeviceCodeResponse(server, tv, answer);
      expect(oauth.getValidatedIdTokenClaims(tokens)?.sub).to.equal(site.user);
    } finally {
      await second.stop();
    }
  });

  it('signs out', async () => {
    const step = await code();
    const tokens = await redeem(step);
    const url = new URL(server.end_session_endpoint as string);
    url.search = new URLSearchParams({
      id_token_hint: tokens.id_token as string,
      post_logout_redirect_uri: 'http://localhost:4000/',
    }).toString();
    const confirm = await step.browser.go(url);
    const back = await step.browser.submit(confirm, { logout: 'yes' });
    expect(back.url.href).to.equal('http://localhost:4000/');
    const answer = await oauth.refreshTokenGrantRequest(
      server,
      web,
      authentication,
      tokens.refresh_token as string,
      options,
    );
    const refused = await oauth
      .processRefreshTokenResponse(server, web, answer)
      .catch((error: oauth.ResponseBodyError) => error);
    expect((refused as oauth.ResponseBodyError).error).to.equal('invalid_grant');
  });
});
