import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import { CompactSign, decodeJwt, decodeProtectedHeader, exportSPKI, importJWK, type JWK, SignJWT } from 'jose';
import type { TokenSet } from '../../src/domain/sign-in/tokens.ts';
import { expectFailure } from '../support/expect.ts';
import { API, aSite, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import {
  AS_WEB,
  aKeyPair,
  anotherAdmin,
  ask,
  bearer,
  forgeJws,
  introspect,
  nowSeconds,
  someTokens,
} from '../support/oauth.ts';

describe('access tokens of our own API', () => {
  let node: TestNode;
  let site: Site;
  let neighbour: Site;
  let tokens: TokenSet;
  let active: JWK;
  before(async () => {
    node = await startNode();
    site = await aSite(node);
    neighbour = await aSite(node);
    tokens = await login(site);
    const keys = await node.house.services.signingKeys.keysOf(site.call);
    active = keys.find(({ alg }) => alg === 'RS256')?.privateJwk as JWK;
  });
  after(() => node.stop());

  const call = () => node.house.operator('test');
  const login = (its: Site) =>
    node.core.tokens.issue(
      { ...its.call, now: new Date() },
      { userId: its.user, amr: ['pwd'], acr: 'urn:gatehouse:acr:1fa', authTime: new Date() },
    );
  const verify = (token: string) => node.core.tokens.verify(call(), token);

  /** Refused by our API, by introspection and at the userinfo endpoint alike. */
  async function expectNoToken(token: string, what = token.slice(0, 60)): Promise<void> {
    await expectFailure('unauthenticated', verify(token));
    const { status, body } = await introspect(node, site, token);
    expect([what, status, body]).to.deep.equal([what, 200, { active: false }]);
    expect(
      (await ask(node, 'GET', `${site.issuer}/oauth/userinfo`, { headers: bearer(token) })).status,
      what,
    ).to.be.oneOf([400, 401, 431]);
  }

  /** As good as the real one, signed with the tenant's own key, but for the changes. */
  async function resigned(claims: object, header: object = {}, body?: string): Promise<string> {
    const real = decodeJwt(tokens.accessToken);
    const payload = body ?? JSON.stringify({ ...real, ...claims });
    return new CompactSign(Buffer.from(payload))
      .setProtectedHeader({ ...decodeProtectedHeader(tokens.accessToken), ...header } as never)
      .sign(await importJWK(active, 'RS256'), {
        crit: { 'urn:x': true, b64: true },
      });
  }

  it('open the API for their user, session and tenant', async () => {
    expect(await verify(tokens.accessToken)).to.include({
      tenantId: site.tenantId,
      userId: site.user,
      sessionUid: tokens.sessionUid,
    });
    await verify(await resigned({}));
  });

  it('are refused with any other signature, algorithm or header (OA35)', async () => {
    const [head = '', payload = '', signature = ''] = tokens.accessToken.split('.');
    const claims = decodeJwt(tokens.accessToken);
    const header = decodeProtectedHeader(tokens.accessToken);
    const publicPem = await exportSPKI(
      (await importJWK(
        { ...active, d: undefined, p: undefined, q: undefined, dp: undefined, dq: undefined, qi: undefined } as never,
        'RS256',
      )) as never,
    );
    const stranger = await aKeyPair('RS256', header.kid);
    const signed = (more: object) =>
      new SignJWT(claims).setProtectedHeader({ ...header, ...more } as never).sign(stranger.privateKey);
    const forged: Record<string, string> = {
      'alg none': forgeJws({ ...header, alg: 'none' }, claims),
      'alg none, signature kept': `${forgeJws({ ...header, alg: 'none' }, claims)}${signature}`,
      'HS256 with the public key': forgeJws({ ...header, alg: 'HS256' }, claims, (input) =>
        createHmac('sha256', publicPem).update(input).digest('base64url'),
      ),
      'no signature': `${head}.${payload}.`,
      'two parts': `${head}.${payload}`,
      'a changed payload': `${head}.${Buffer.from(JSON.stringify({ ...claims, roles: ['SUPER_ADMIN'] })).toString('base64url')}.${signature}`,
      'a key of a stranger': await signed({}),
      'a key that it brings': await signed({ jwk: stranger.jwk }),
      'a key that is elsewhere': await signed({ jku: 'https://evil.test/jwks', x5u: 'https://evil.test/x' }),
      'a kid that is a path': await signed({ kid: '../../dev/null' }),
      'a kid that is SQL': await signed({ kid: `' or 1=1 --` }),
      'our key, but no kid': await resigned({}, { kid: undefined }),
      'our key, and an unknown crit': await resigned({}, { crit: ['urn:x'], 'urn:x': 1 }),
      'our key, and zip': await resigned({}, { zip: 'DEF' }),
      'our key, and a jwk': await resigned({}, { jwk: stranger.jwk }),
      'our key, another typ': await resigned({}, { typ: 'JWT' }),
      'our key, no typ': await resigned({}, { typ: undefined }),
      '1 MB': `${head}.${'A'.repeat(50_000)}.${signature}`,
    };
    for (const [what, token] of Object.entries(forged)) await expectNoToken(token, what);
    await expectFailure('unauthenticated', verify(`${head}.${'A'.repeat(1_000_000)}.${signature}`));
  });

  it('are refused with times that are not whole seconds, or not now (OA38)', async () => {
    const now = nowSeconds();
    const wrong: object[] = [
      { exp: `${now + 60}` },
      { exp: now + 60.5 },
      { exp: 1e99 },
      { exp: undefined },
      { exp: null },
      { exp: now - 1 },
      { exp: now + 10 * 366 * 86_400 },
      { nbf: now + 600 },
      { iat: now + 600, exp: now + 900 },
      { iat: `${now}` },
      { iat: undefined },
      { iat: now + 5, exp: now + 3 },
    ];
    for (const claims of wrong) await expectNoToken(await resigned(claims), JSON.stringify(claims));
  });

  it('are refused with a name twice, whichever value comes last (OA38)', async () => {
    const real = JSON.stringify(decodeJwt(tokens.accessToken));
    await expectNoToken(await resigned({}, {}, real.replace(/^\{/, `{"sub":"${neighbour.user}",`)), 'sub twice');
    await expectNoToken(await resigned({}, {}, real.replace(/\}$/, ',"roles":["SUPER_ADMIN"]}')), 'roles twice');
    await expectNoToken(await resigned({}, {}, '[]'), 'a list');
  });

  it('are for one tenant and one API (OA37)', async () => {
    for (const claims of [
      { tid: neighbour.tenantId },
      { tid: undefined },
      { aud: undefined },
      { aud: [`${site.issuer}/api`] },
      { aud: [`${site.issuer}/api`, API] },
      { iss: neighbour.issuer },
      { iss: undefined },
      { iss: `${site.issuer}/` },
    ])
      await expectNoToken(await resigned(claims), JSON.stringify(claims));
    await expectFailure('unauthenticated', verify(await resigned({ aud: API })));
    await expectFailure('unauthenticated', verify(await resigned({ aud: `${neighbour.issuer}/api` })));
    await expectFailure('unauthenticated', verify(await resigned({ sub: neighbour.user })));
    await expectFailure('unauthenticated', verify(await resigned({ ses: (await login(neighbour)).sessionUid })));
  });

  it('are access tokens: nothing else that we sign or issue is taken for one (OA36)', async () => {
    const { id_token, refresh_token, access_token } = await someTokens(node, site);
    for (const token of [id_token, refresh_token, tokens.refreshToken]) {
      await expectFailure('unauthenticated', verify(token));
      expect((await ask(node, 'GET', `${site.issuer}/oauth/userinfo`, { headers: bearer(token) })).status).to.equal(
        401,
      );
    }
    await expectFailure('unauthenticated', verify(access_token));
    const { access_token: forAnApi } = await someTokens(
      node,
      await aSiteWithApi(),
      { scope: 'openid read', resource: API },
      AS_WEB,
      { resource: API },
    );
    await expectFailure('unauthenticated', verify(forAnApi));
  });

  const aSiteWithApi = () => aSite(node, { clients: [WEB] });

  it('do not open what is for an ID token (OA36)', async () => {
    const { access_token, browser } = await someTokens(node, site, { scope: 'openid read', resource: API }, AS_WEB, {
      resource: API,
    });
    for (const hint of [
      access_token,
      tokens.accessToken,
      await resigned({ aud: 'web' }),
      await resigned({ aud: 'web', events: {} }, { typ: 'logout+jwt' }),
    ]) {
      const page = await browser.go(`${site.issuer}/oauth/logout?${new URLSearchParams({ id_token_hint: hint })}`);
      expect(page.status).to.equal(400);
    }
  });

  it('stay good when a new key signs, and end with a key that was withdrawn (OA39)', async () => {
    const its = await aSite(node);
    const { accessToken } = await login(its);
    await verify(accessToken);
    const { signingKeys } = node.house.services;
    await signingKeys.rotate(its.call);
    await signingKeys.advance({ ...its.call, now: new Date(Date.now() + 3_901_000) });
    node.house.directory.forget(its.tenantId);
    await verify(accessToken);
    const later = await login(its);
    expect(decodeProtectedHeader(later.accessToken).kid).to.not.equal(decodeProtectedHeader(accessToken).kid);
    await signingKeys.withdraw(its.call, String(decodeProtectedHeader(accessToken).kid));
    node.house.directory.forget(its.tenantId);
    await expectFailure('unauthenticated', verify(accessToken));
    await verify(later.accessToken);
  });

  it('end with their session, their user and their tenant, though they are signed for longer (SE08)', async () => {
    const its = await aSite(node);
    await anotherAdmin(node, its);
    const [first, second] = [await login(its), await login(its)];
    await node.house.services.sessions.end(its.call, its.user, first.sessionUid);
    await expectFailure('unauthenticated', verify(first.accessToken));
    await verify(second.accessToken);
    await node.house.services.users.suspend(its.call, its.user);
    await expectFailure('unauthenticated', verify(second.accessToken));
    await node.house.services.users.reactivate(its.call, its.user);
    await expectFailure('unauthenticated', verify(second.accessToken));
    const third = await login(its);
    await node.house.services.tenants.suspend(its.call);
    await expectFailure('unauthenticated', verify(third.accessToken));
  });
});
