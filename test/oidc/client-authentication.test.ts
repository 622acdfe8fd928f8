import { createHmac, createPublicKey } from 'node:crypto';
import { expect } from 'chai';
import { exportSPKI, importJWK, type JWTPayload } from 'jose';
import { LIMITS } from '../../src/kernel/limits.ts';
import { raw } from '../support/http.ts';
import { listening } from '../support/listener.ts';
import {
  API,
  aSite,
  ROBOT,
  ROBOT_SECRET,
  type Site,
  startNode,
  type TestNode,
  WEB,
  WEB_SECRET,
} from '../support/node.ts';
import {
  AS_WEB,
  ASSERTION_TYPE,
  aKeyPair,
  anAssertion,
  basic,
  eventually,
  forgeJws,
  nowSeconds,
  post,
} from '../support/oauth.ts';

describe('client authentication', () => {
  let node: TestNode;
  let site: Site;
  let keys: Awaited<ReturnType<typeof aKeyPair>>;
  before(async () => {
    node = await startNode();
    keys = await aKeyPair();
    site = await aFreshSite();
  });
  after(() => node.stop());

  const aFreshSite = () =>
    aSite(node, { clients: [WEB, ROBOT, keyed('keyed'), { ...keyed('old'), legacyAssertions: true }] });

  const keyed = (clientId: string) =>
    ({
      clientId,
      kind: 'service',
      tokenEndpointAuthMethod: 'private_key_jwt',
      jwks: keys.jwks,
      scopes: ['read'],
    }) as const;
  const MACHINE = { grant_type: 'client_credentials', resource: API };
  const asking = (form: Record<string, string>, headers: Record<string, string> = {}) =>
    post(node, site, '/oauth/token', { ...MACHINE, ...form }, headers);
  const asserting = (client_assertion: string, headers = {}) =>
    asking({ client_assertion_type: ASSERTION_TYPE, client_assertion }, headers);
  const assertion = (claims: JWTPayload = {}, header = {}) =>
    anAssertion(keys.privateKey, 'keyed', site.issuer, claims, header);

  it('takes one way at a time, and no secret in a URL (OA24)', async () => {
    const secret = { client_id: 'robot', client_secret: ROBOT_SECRET };
    expect((await asking({}, basic('robot', ROBOT_SECRET))).status).to.equal(200);
    expect((await asking(secret)).status, 'basic and post are one kind').to.equal(200);
    const refused = [
      await post(node, site, `/oauth/token?${new URLSearchParams(secret)}`, MACHINE, {}),
      await asking(secret, basic('robot', ROBOT_SECRET)),
      await asking(
        { client_assertion_type: ASSERTION_TYPE, client_assertion: await assertion() },
        basic('robot', ROBOT_SECRET),
      ),
      await asking({}, { authorization: `Basic ${btoa('robot:%zz')}` }),
      await asking({}, { authorization: `Basic ${btoa('%ff%fe:x')}` }),
      await asking({}, { authorization: 'Basic !!!' }),
      await asking({}, { authorization: 'Basic' }),
      await asking({}, { authorization: `Bearer ${ROBOT_SECRET}` }),
      await asking({ client_id: 'web' }, basic('robot', ROBOT_SECRET)),
    ];
    expect(refused.map(({ status, body }) => [status, body.error])).to.deep.equal(
      refused.map(() => [400, 'invalid_request']),
    );
    expect(node.logged.join(''))
      .to.not.include(ROBOT_SECRET)
      .and.not.include(basic('robot', ROBOT_SECRET)['authorization'] as string);
  });

  it('is what the client was registered for: a key is not replaced by a secret, nor the other way (OA25)', async () => {
    const attempts = [
      await asking({}, basic('keyed', WEB_SECRET)),
      await asking({ client_id: 'keyed' }),
      await asking({ client_id: 'robot' }),
      await asking(
        {},
        {
          ...basic('keyed', 'x'.repeat(43)),
          'oauth-client-attestation': await assertion(),
          'oauth-client-attestation-pop': await assertion(),
        },
      ),
      await asserting(await anAssertion(keys.privateKey, 'robot', site.issuer)),
    ];
    for (const { status, body } of attempts)
      expect([status, body.error]).to.be.deep.oneOf([
        [401, 'invalid_client'],
        [400, 'invalid_request'],
      ]);
  });

  describe('by an assertion', () => {
    // Failures are counted by tenant and address.
    before(async () => {
      site = await aFreshSite();
    });

    it('is for the issuer, from the client about itself, and short-lived', async () => {
      expect((await asserting(await assertion())).status).to.equal(200);
      expect((await asserting(await assertion({}, { typ: 'client-authentication+jwt' }))).status).to.equal(200);
    });

    const wrong: Record<string, () => JWTPayload> = {
      'the token endpoint as audience': () => ({ aud: `${site.issuer}/oauth/token` }),
      'the platform as audience': () => ({ aud: node.url }),
      'a list as audience': () => ({ aud: [site.issuer] }),
      'a list with others as audience': () => ({ aud: [site.issuer, 'https://evil.test'] }),
      'another server as audience': () => ({ aud: 'https://evil.test' }),
      'no audience': () => ({ aud: undefined }) as unknown as JWTPayload,
      'another issuer than subject': () => ({ iss: 'robot' }),
      'another subject than issuer': () => ({ sub: 'robot' }),
      'no end': () => ({ exp: undefined }) as unknown as JWTPayload,
      'an end in ten years': () => ({ exp: nowSeconds() + 10 * 366 * 86_400 }),
      'an end that is past': () => ({ exp: nowSeconds() - 60 }),
      'an end in text': () => ({ exp: `${nowSeconds() + 60}` }) as unknown as JWTPayload,
      'a birth in a minute': () => ({ iat: nowSeconds() + 61 }),
      'a beginning in a minute': () => ({ nbf: nowSeconds() + 61 }),
      'no identifier': () => ({ jti: undefined }) as unknown as JWTPayload,
    };
    for (const [what, claims] of Object.entries(wrong))
      it(`is refused with ${what} (OA26)`, async () => {
        const { status, body } = await asserting(await assertion(claims()));
        expect([status, body.error]).to.deep.equal([401, 'invalid_client']);
      });

    it('is not taken in for another server by a forged Host (OA26)', async () => {
      const forged = await assertion({ aud: 'http://evil.test/oauth/token' });
      const form = new URLSearchParams({
        ...MACHINE,
        client_assertion_type: ASSERTION_TYPE,
        client_assertion: forged,
      }).toString();
      for (const host of ['evil.test', `evil.test:${node.port}`]) {
        const { status } = await raw(
          node.port,
          `POST /t/${site.slug}/oauth/token HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\nConnection: close\r\n\r\n${form}`,
        );
        expect(status).to.equal(421);
      }
      expect(
        (await asserting(forged, { 'x-forwarded-host': 'evil.test', forwarded: 'host=evil.test' })).status,
      ).to.equal(401);
    });

    it('is good once, however many come at the same moment (OA26)', async () => {
      const once = await assertion();
      const answers = await Promise.all(Array.from({ length: 16 }, () => asserting(once)));
      expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
      expect(answers.filter(({ status }) => status === 401)).to.have.length(15);
      expect((await asserting(once)).status).to.equal(401);
    });

    it('names the endpoint only for a client that is let off', async () => {
      expect(
        (await asserting(await anAssertion(keys.privateKey, 'old', `${site.issuer}/oauth/token`))).status,
      ).to.equal(200);
      expect(
        (await asserting(await anAssertion(keys.privateKey, 'old', 'https://evil.test/oauth/token'))).status,
      ).to.equal(401);
    });

    it('is signed by the client’s key and algorithm; a key that it brings itself is not looked at (OA27)', async () => {
      const inside = await listening((socket) => socket.end());
      const url = `http://127.0.0.1:${inside.port}/jwks`;
      const stranger = await aKeyPair('ES256', 'k');
      const claims = { iss: 'keyed', sub: 'keyed', aud: site.issuer, iat: nowSeconds(), exp: nowSeconds() + 60 };
      const pem = await exportSPKI((await importJWK(keys.jwk, 'ES256')) as never);
      const hs = (secret: string | Buffer) => (input: string) =>
        createHmac('sha256', secret).update(input).digest('base64url');
      const rsa = await aKeyPair('RS256', 'k');
      try {
        const forged = [
          forgeJws({ alg: 'none' }, { ...claims, jti: 'a' }),
          forgeJws({ alg: 'None', kid: 'k' }, { ...claims, jti: 'b' }),
          forgeJws({ alg: 'HS256', kid: 'k' }, { ...claims, jti: 'c' }, hs(pem)),
          forgeJws(
            { alg: 'HS256', kid: 'k' },
            { ...claims, jti: 'd' },
            hs(createPublicKey(pem).export({ type: 'spki', format: 'der' })),
          ),
          forgeJws({ alg: 'HS256', kid: 'k' }, { ...claims, jti: 'e' }, hs(JSON.stringify(keys.jwk))),
          forgeJws({ alg: 'ES256', kid: 'k' }, { ...claims, jti: 'f' }),
          forgeJws({ alg: 'ES256', kid: 'k' }, { ...claims, jti: 'g' }, () => Buffer.alloc(64).toString('base64url')),
          await anAssertion(stranger.privateKey, 'keyed', site.issuer),
          await anAssertion(stranger.privateKey, 'keyed', site.issuer, {}, { jwk: stranger.jwk }),
          await anAssertion(stranger.privateKey, 'keyed', site.issuer, {}, { jku: url }),
          await anAssertion(stranger.privateKey, 'keyed', site.issuer, {}, { x5u: url, x5c: ['MIIB'] }),
          await anAssertion(keys.privateKey, 'keyed', site.issuer, {}, { kid: '../../k' }),
          await anAssertion(rsa.privateKey, 'keyed', site.issuer, {}, { alg: 'RS256' }),
        ];
        for (const [index, token] of forged.entries()) {
          const { status, body } = await asserting(token);
          expect([index, status, body.error]).to.be.deep.oneOf([
            [index, 401, 'invalid_client'],
            [index, 400, 'invalid_request'],
          ]);
        }
        expect(inside.connections()).to.equal(0);
      } finally {
        await inside.close();
      }
    });
  });

  it('says the same of an unknown client, a wrong secret, a wrong way and a disabled client (OA28)', async () => {
    await node.house.services.clients.create(site.call, { ...ROBOT, clientId: 'disabled', clientSecret: ROBOT_SECRET });
    await node.house.services.clients.disable(site.call, 'disabled');
    const answers = [
      await asking({}, basic('nobody', 'x')),
      await asking({}, basic('robot', 'x')),
      await asking({}, basic('keyed', 'x')),
      await asking({}, basic('disabled', ROBOT_SECRET)),
    ];
    for (const { status, text } of answers) expect([status, text]).to.deep.equal([401, answers[0]!.text]);
  });

  it('takes every live secret of a client, and none that has ended', async () => {
    const { clients } = node.house.services;
    await clients.create(site.call, { ...ROBOT, clientId: 'turning', clientSecret: ROBOT_SECRET });
    const { secret } = await clients.rotateSecret({ ...site.call, now: new Date() }, 'turning', {
      overlapSeconds: 3600,
    });
    for (const each of [ROBOT_SECRET, secret]) expect((await asking({}, basic('turning', each))).status).to.equal(200);
    const { secret: newest } = await clients.rotateSecret({ ...site.call, now: new Date() }, 'turning', {
      overlapSeconds: 1,
    });
    await eventually(
      'the node to know the newest',
      async () => (await asking({}, basic('turning', newest))).status === 200,
    );
    await eventually(
      'the end of its predecessor',
      async () => (await asking({}, basic('turning', secret))).status === 401,
    );
    expect((await asking({}, basic('turning', newest))).status).to.equal(200);
  });

  it('does not take a secret’s stored hash for the secret (KY01)', async () => {
    const metadata = await node.house.services.clients.findForCore(site.call, 'robot');
    for (const hash of metadata?.secretHashes ?? [])
      expect((await asking({}, basic('robot', hash))).status).to.equal(401);
    expect(metadata?.secretHashes).to.have.length(1);
  });

  it('is tried so often from one address, then not for a while', async () => {
    const its = await aSite(node, { clients: [ROBOT] });
    const attempt = (secret: string) => post(node, its, '/oauth/token', MACHINE, basic('robot', secret));
    for (let failure = 0; failure < LIMITS.clientAuthFailures; failure++)
      expect((await attempt('wrong')).status).to.equal(401);
    const refused = await attempt(ROBOT_SECRET);
    expect(refused.status).to.equal(429);
    expect(Number(refused.headers.get('retry-after'))).to.be.within(1, LIMITS.clientAuthWindowSeconds);
    expect((await asking({}, basic('robot', ROBOT_SECRET))).status, 'another tenant').to.equal(200);
  });

  it('keeps a client to its own rate, on all nodes together; failures do not use it up (OA46)', async () => {
    const second = await startNode({ publicUrl: node.url });
    try {
      await node.house.services.clients.create(site.call, {
        ...ROBOT,
        clientId: 'partner',
        clientSecret: ROBOT_SECRET,
        rateLimitPerMinute: 4,
      });
      const take = (at: TestNode, secret = ROBOT_SECRET) =>
        post(at, site, '/oauth/token', MACHINE, basic('partner', secret));
      for (let failure = 0; failure < 5; failure++) await take(node, 'wrong');
      const statuses: number[] = [];
      for (let turn = 0; turn < 6; turn++) statuses.push((await take(turn % 2 ? second : node)).status);
      expect(statuses).to.deep.equal([200, 200, 200, 200, 429, 429]);
      const before = await post(node, site, '/oauth/token', MACHINE, AS_WEB);
      expect(before.status).to.equal(400);
    } finally {
      await second.stop();
    }
  });
});
