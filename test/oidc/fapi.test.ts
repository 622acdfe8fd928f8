import { expect } from 'chai';
import { decodeJwt } from 'jose';
import * as openid from 'openid-client';
import { aBrowser } from '../support/browser.ts';
import { authorization, configured } from '../support/clients.ts';
import { expectFailure } from '../support/expect.ts';
import { aSite, CALLBACK, fetchAt, PASSWORD, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import { ASSERTION_TYPE, aKeyPair, anAssertion, authorizeUrl, post, refresh } from '../support/oauth.ts';

describe('a client of the FAPI 2.0 security profile', () => {
  let node: TestNode;
  let site: Site;
  let keys: Awaited<ReturnType<typeof aKeyPair>>;
  before(async () => {
    node = await startNode();
    keys = await aKeyPair();
    site = await aSite(node, {
      clients: [
        {
          clientId: 'bank',
          kind: 'web',
          firstParty: true,
          profile: 'fapi2',
          redirectUris: [CALLBACK],
          jwks: keys.jwks,
        },
      ],
    });
  });
  after(() => node.stop());

  const assertion = (claims = {}) => anAssertion(keys.privateKey, 'bank', site.issuer, claims);
  const as = async (claims = {}) => ({
    client_id: 'bank',
    client_assertion_type: ASSERTION_TYPE,
    client_assertion: await assertion(claims),
  });
  const request = () => Object.fromEntries(authorizeUrl(site, { client_id: 'bank' }).searchParams);
  const push = async (changes: Record<string, string> = {}) =>
    post(node, site, '/oauth/par', { ...request(), ...(await as()), ...changes }, {});
  const configuration = () => configured(node, site, 'bank', openid.PrivateKeyJwt({ key: keys.privateKey, kid: 'k' }));

  async function signIn() {
    const config = await configuration();
    const handle = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair());
    const { url, redeem } = await authorization(config, { par: true });
    const back = await aBrowser(node).signIn(url, site.email);
    return { config, handle, tokens: await redeem(back.url, { DPoP: handle }) };
  }

  it('is not made without a strong way to prove itself', async () => {
    const { clients } = node.house.services;
    await expectFailure('client_invalid', clients.create(site.call, { ...WEB, clientId: 'weak', profile: 'fapi2' }));
    await expectFailure(
      'client_invalid',
      clients.create(site.call, { clientId: 'spa', kind: 'spa', redirectUris: [CALLBACK], profile: 'fapi2' }),
    );
    await expectFailure(
      'client_invalid',
      clients.update(site.call, 'bank', { requirePushedAuthorizationRequests: false }),
    );
    await expectFailure('client_invalid', clients.update(site.call, 'bank', { dpopBoundAccessTokens: false }));
  });

  it('signs people in with pushed requests, its key and DPoP', async () => {
    const { tokens } = await signIn();
    expect(tokens.token_type).to.equal('dpop');
    expect(tokens.claims()?.sub).to.equal(site.user);
  });

  it('cannot ask in the open: the request must be pushed', async () => {
    const page = await aBrowser(node).go(authorizeUrl(site, { client_id: 'bank' }));
    expect(page.url.searchParams.get('error') ?? page.status).to.be.oneOf(['invalid_request', 400]);
    expect(page.url.searchParams.get('code')).to.equal(null);
  });

  it('cannot push without its key, PKCE or a redirect URI', async () => {
    expect((await push()).status).to.equal(201);
    expect((await post(node, site, '/oauth/par', { ...request() }, {})).status).to.equal(401);
    for (const [name, value] of [
      ['code_challenge', ''],
      ['code_challenge_method', 'plain'],
      ['redirect_uri', ''],
      ['response_type', 'code id_token'],
    ] as const)
      expect((await push({ [name]: value })).status, name).to.equal(400);
  });

  it('gets no token without a proof of its key (DPoP)', async () => {
    const { body } = await push();
    const browser = aBrowser(node);
    const page = await browser.go(
      `${site.issuer}/oauth/authorize?${new URLSearchParams({ client_id: 'bank', request_uri: body.request_uri })}`,
    );
    const back = await browser.submit(page, { identifier: site.email, password: PASSWORD, action: 'login' });
    const code = back.url.searchParams.get('code') as string;
    const answer = await post(
      node,
      site,
      '/oauth/token',
      {
        grant_type: 'authorization_code',
        code,
        redirect_uri: CALLBACK,
        code_verifier: 'v'.repeat(43),
        ...(await as()),
      },
      {},
    );
    expect([answer.status, answer.body.access_token]).to.deep.equal([400, undefined]);
  });

  it('keeps its refresh token: one that is bound to a key does not rotate', async () => {
    const { config, handle, tokens } = await signIn();
    const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token as string, undefined, { DPoP: handle });
    expect(renewed.refresh_token ?? tokens.refresh_token).to.equal(tokens.refresh_token);
    expect(
      (await refresh(node, site, tokens.refresh_token as string, await as(), {})).status,
      'without the key',
    ).to.equal(400);
    // Bound to the client by its own key (RFC 9449 §5): whoever has the token alone has nothing.
    const stranger = await aKeyPair();
    const forged = { ...(await as()), client_assertion: await anAssertion(stranger.privateKey, 'bank', site.issuer) };
    expect((await refresh(node, site, tokens.refresh_token as string, forged, {})).status, 'another key').to.equal(401);
  });

  it('names the issuer alone in its assertions, also where others are let off', async () => {
    await node.house.services.clients.update(site.call, 'bank', { legacyAssertions: true });
    for (const aud of [`${site.issuer}/oauth/token`, `${site.issuer}/oauth/par`, [site.issuer]])
      expect((await post(node, site, '/oauth/par', { ...request(), ...(await as({ aud })) }, {})).status).to.equal(401);
  });

  it('has a DPoP proof taken once, for its own endpoint and moment', async () => {
    const { config, tokens, handle } = await signIn();
    const proofs: string[] = [];
    const url = `${site.issuer}/oauth/userinfo`;
    config[openid.customFetch] = (async (target: string, init: RequestInit) => {
      const proof = new Headers(init.headers).get('dpop');
      if (proof) proofs.push(proof);
      return fetchAt(node)(target, init);
    }) as openid.CustomFetch;
    await openid.fetchUserInfo(config, tokens.access_token, site.user, { DPoP: handle });
    const [proof = ''] = proofs;
    expect(decodeJwt(proof)).to.include({ htm: 'GET', htu: url });
    const replay = await fetchAt(node)(url, { headers: { authorization: `DPoP ${tokens.access_token}`, dpop: proof } });
    expect(replay.status).to.equal(401);
    const bare = await fetchAt(node)(url, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    expect(bare.status).to.equal(401);
  });
});
