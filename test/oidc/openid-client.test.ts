import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { createRemoteJWKSet, customFetch, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import * as openid from 'openid-client';
import { aBrowser } from '../support/browser.ts';
import { authorization, configured, signedIn } from '../support/clients.ts';
import {
  API,
  aSite,
  fetchAt,
  ROBOT,
  ROBOT_SECRET,
  type Site,
  SPA,
  startNode,
  type TestNode,
  TV,
  WEB,
} from '../support/node.ts';

describe('openid-client at a tenant of Gatehouse', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    site = await aSite(node, { clients: [WEB, SPA, TV, ROBOT] });
  });
  after(() => node.stop());

  it('discovers the issuer, whose every URL begins with it', async () => {
    const { issuer, ...metadata } = (await configured(node, site)).serverMetadata();
    expect(issuer).to.equal(site.issuer);
    for (const [name, value] of Object.entries(metadata))
      if (name.endsWith('_endpoint') || name === 'jwks_uri')
        expect(value, name).to.match(new RegExp(`^${site.issuer}/`));
  });

  it('signs a person in by code and PKCE through the login page, and knows who it is', async () => {
    const { config, tokens } = await signedIn(node, site, { scope: 'openid profile email' });
    expect(tokens.claims()).to.include({ iss: site.issuer, sub: site.user, aud: 'web', acr: 'urn:gatehouse:acr:1fa' });
    const info = await openid.fetchUserInfo(config, tokens.access_token, site.user);
    expect(info).to.include({ sub: site.user, email: site.email, email_verified: true, name: 'Ann Lee' });
  });

  it('lets the second application in without asking again', async () => {
    const { browser } = await signedIn(node, site);
    const spa = await configured(node, site, 'spa', openid.None());
    const { url, redeem } = await authorization(spa, { redirectUri: 'http://localhost:4001/cb' });
    const consent = await browser.go(url);
    expect(consent.html).to.include('name="action" value="allow"');
    const back = await browser.submit(consent, { action: 'allow' });
    expect((await redeem(back.url)).claims()?.sub).to.equal(site.user);
  });

  it('pushes the authorization request first (PAR), once', async () => {
    const config = await configured(node, site);
    const { url, redeem } = await authorization(config, { par: true });
    expect(url.searchParams.get('request_uri')).to.match(/^urn:ietf:params:oauth:request_uri:/);
    const back = await aBrowser(node).signIn(url, site.email);
    expect((await redeem(back.url)).claims()?.sub).to.equal(site.user);
    const again = await aBrowser(node).go(url);
    expect(again.status).to.equal(400);
  });

  it('binds tokens to a key (DPoP), and the token is no good without it', async () => {
    const config = await configured(node, site);
    const handle = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair());
    const { url, redeem } = await authorization(config);
    const back = await aBrowser(node).signIn(url, site.email);
    const tokens = await redeem(back.url, { DPoP: handle });
    expect(tokens.token_type).to.equal('dpop');
    const info = await openid.fetchUserInfo(config, tokens.access_token, site.user, { DPoP: handle });
    expect(info.sub).to.equal(site.user);
    const bare = await fetchAt(node)(`${site.issuer}/oauth/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    });
    expect(bare.status).to.equal(401);
    const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token as string, undefined, { DPoP: handle });
    expect(renewed.token_type).to.equal('dpop');
  });

  it('refreshes, introspects and revokes', async () => {
    const { config, tokens } = await signedIn(node, site);
    const next = await openid.refreshTokenGrant(config, tokens.refresh_token as string);
    expect(next.refresh_token).to.be.a('string').and.not.equal(tokens.refresh_token);
    expect(await openid.tokenIntrospection(config, next.access_token)).to.include({
      active: true,
      sub: site.user,
      client_id: 'web',
    });
    await openid.tokenRevocation(config, next.refresh_token as string);
    expect((await openid.tokenIntrospection(config, next.access_token)).active).to.equal(false);
  });

  it('gives a JWT for an API, which anyone can verify by the published keys', async () => {
    const { config, tokens } = await signedIn(node, site, { scope: 'openid read write', resource: API });
    const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri as string), {
      [customFetch]: fetchAt(node),
    });
    const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, {
      issuer: site.issuer,
      audience: API,
      typ: 'at+jwt',
    });
    expect(payload).to.include({ sub: site.user, client_id: 'web', scope: 'read write', tid: site.tenantId });
    expect(protectedHeader.alg).to.equal('RS256');
    expect(await openid.tokenIntrospection(config, tokens.access_token)).to.include({
      active: true,
      sub: site.user,
      aud: API,
    });
  });

  it('serves machines: client_credentials with a resource, no more than the client may have', async () => {
    const config = await configured(node, site, 'robot', ROBOT_SECRET);
    const tokens = await openid.clientCredentialsGrant(config, { resource: API });
    expect(tokens.scope).to.equal('read');
    expect(await openid.tokenIntrospection(config, tokens.access_token)).to.include({
      active: true,
      client_id: 'robot',
      scope: 'read',
      aud: API,
    });
    const more = await openid
      .clientCredentialsGrant(config, { resource: API, scope: 'write' })
      .catch((error: openid.ResponseBodyError) => error);
    expect((more as { scope?: string }).scope ?? '').to.equal('');
  });

  it('signs a television in by a code that a person types (device flow)', async () => {
    const config = await configured(node, site, 'tv', openid.None());
    const device = await openid.initiateDeviceAuthorization(config, { scope: 'openid' });
    const browser = aBrowser(node);
    const form = await browser.go(device.verification_uri);
    const confirm = await browser.submit(form, { user_code: device.user_code });
    expect(confirm.html).to.include(device.user_code);
    const login = await browser.submit(confirm, { confirm: 'yes' });
    const consent = await browser.submit(login, {
      identifier: site.email,
      password: 'correct horse battery staple',
      action: 'login',
    });
    const done = await browser.submit(consent, { action: 'allow' });
    expect(done.status).to.equal(200);
    const tokens = await openid.pollDeviceAuthorizationGrant(config, { ...device, interval: 0 });
    expect(tokens.claims()?.sub).to.equal(site.user);
  });

  it('signs out by the application, which is told where to go on (RP-initiated logout)', async () => {
    const { config, browser, tokens } = await signedIn(node, site);
    const url = openid.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token as string,
      post_logout_redirect_uri: 'http://localhost:4000/',
      state: 'bye',
    });
    const confirm = await browser.go(url);
    const back = await browser.submit(confirm, { logout: 'yes' });
    expect(back.url.href).to.equal('http://localhost:4000/?state=bye');
    const refused = await openid
      .refreshTokenGrant(config, tokens.refresh_token as string)
      .catch((error: openid.ResponseBodyError) => error);
    expect(refused).to.include({ error: 'invalid_grant' });
    const { url: next } = await authorization(config);
    expect((await browser.go(next)).html).to.include('name="identifier"');
  });

  it('authenticates by private_key_jwt, whose assertion is good once', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }] };
    await node.house.services.clients.create(site.call, {
      clientId: 'keyed',
      kind: 'service',
      tokenEndpointAuthMethod: 'private_key_jwt',
      jwks,
      scopes: ['read'],
    });
    const config = await configured(node, site, 'keyed', openid.PrivateKeyJwt({ key: privateKey, kid: 'k' }));
    expect((await openid.clientCredentialsGrant(config, { resource: API })).scope).to.equal('read');

    const now = Math.floor(Date.now() / 1000);
    const assertion = await new SignJWT({ jti: 'once' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuer('keyed')
      .setSubject('keyed')
      .setAudience(site.issuer)
      .setIssuedAt(now)
      .setExpirationTime(now + 60)
      .sign(privateKey);
    const send = () =>
      fetchAt(node)(`${site.issuer}/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          resource: API,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: assertion,
        }),
      });
    const answers = await Promise.all(Array.from({ length: 8 }, send));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 401, 401, 401, 401, 401, 401, 401]);
  });

  it('tells the other applications of a session that it ended (back-channel logout)', async () => {
    const received: string[] = [];
    const listener: Server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        received.push(new URLSearchParams(body).get('logout_token') as string);
        response.end();
      });
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    const told = await startNode({ publicUrl: node.url, background: true });
    try {
      const its = await aSite(told, {
        clients: [
          {
            ...WEB,
            backchannelLogoutUri: `http://127.0.0.1:${port}/backchannel`,
            backchannelLogoutSessionRequired: true,
          },
        ],
      });
      const { config, browser, tokens } = await signedIn(told, its);
      const confirm = await browser.go(openid.buildEndSessionUrl(config, { id_token_hint: tokens.id_token as string }));
      await browser.submit(confirm, { logout: 'yes' });
      while (received.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      const keys = createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri as string), {
        [customFetch]: fetchAt(told),
      });
      const { payload } = await jwtVerify(received[0] as string, keys, {
        issuer: its.issuer,
        audience: 'web',
        typ: 'logout+jwt',
      });
      expect(payload.sub).to.equal(its.user);
      expect(payload['sid']).to.equal(tokens.claims()?.['sid']);
    } finally {
      await told.stop();
      listener.close();
    }
  });

  it('answers the wrong secret and the unknown client alike', async () => {
    const ask = async (id: string, secret: string) => {
      const answer = await fetchAt(node)(`${site.issuer}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      return { status: answer.status, body: await answer.text() };
    };
    expect(await ask('robot', 'wrong'))
      .to.deep.equal(await ask('nobody', 'wrong'))
      .and.include({ status: 401 });
  });
});
