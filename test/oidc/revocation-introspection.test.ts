import { expect } from 'chai';
import { createLocalJWKSet, jwtVerify } from 'jose';
import {
  API,
  aSite,
  ROBOT,
  ROBOT_SECRET,
  type Site,
  SPA,
  startNode,
  type TestNode,
  TV,
  WEB,
  WEB_SECRET,
} from '../support/node.ts';
import {
  AS_WEB,
  anotherAdmin,
  ask,
  basic,
  eventually,
  forgeJws,
  introspect,
  post,
  refresh,
  someTokens,
} from '../support/oauth.ts';

const OPAQUE = 'https://opaque.acme.test';
const AS_ROBOT = basic('robot', ROBOT_SECRET);
const AS_GUARD = basic('guard', ROBOT_SECRET);

describe('introspection and revocation', () => {
  let node: TestNode;
  let site: Site;
  before(async () => {
    node = await startNode();
    site = await aSiteWithGuard();
  });
  after(() => node.stop());

  async function aSiteWithGuard(): Promise<Site> {
    const guard = { ...ROBOT, clientId: 'guard', resourceServers: [API] };
    const pairwise = { ...WEB, clientId: 'pairwise', subjectType: 'pairwise' } as const;
    const its = await aSite(node, {
      clients: [
        WEB,
        SPA,
        TV,
        ROBOT,
        guard,
        pairwise,
        { ...WEB, clientId: 'signed', introspectionSignedResponseAlg: 'RS256' },
      ],
    });
    await node.house.services.apis.create(its.call, {
      identifier: OPAQUE,
      scopes: ['read'],
      accessTokenFormat: 'opaque',
    });
    return its;
  }

  const forApi = (resource = API, its = site) =>
    someTokens(node, its, { scope: 'openid read', resource }, AS_WEB, { resource });
  const INACTIVE = { active: false };

  it('tells the owner of a token, and the API that it is for, and nobody else (OA40)', async () => {
    for (const resource of [API, OPAQUE]) {
      const { access_token } = await forApi(resource);
      expect((await introspect(node, site, access_token)).body).to.include({
        active: true,
        aud: resource,
        sub: site.user,
      });
      expect(
        (await introspect(node, site, access_token, AS_ROBOT)).body,
        'any other confidential client',
      ).to.deep.equal(INACTIVE);
      expect((await introspect(node, site, access_token, AS_GUARD)).body.active, 'the API').to.equal(resource === API);
      const byPublic = await post(node, site, '/oauth/introspect', { token: access_token, client_id: 'spa' }, {});
      expect(byPublic.body).to.deep.equal(INACTIVE);
    }
  });

  it('knows no token of another tenant (OA40)', async () => {
    const elsewhere = await aSiteWithGuard();
    const { access_token, refresh_token } = await forApi();
    for (const token of [access_token, refresh_token])
      for (const as of [AS_WEB, AS_GUARD])
        expect((await introspect(node, elsewhere, token, as)).body).to.deep.equal(INACTIVE);
  });

  it('needs a client that proves itself', async () => {
    const { access_token } = await forApi();
    expect((await introspect(node, site, access_token, {})).status).to.equal(400);
    expect((await introspect(node, site, access_token, basic('web', 'wrong'))).body).to.not.have.property('active');
  });

  it('answers whatever is no live token with the same words (OA41)', async () => {
    const { access_token, id_token } = await forApi();
    const expired = (await forApi(OPAQUE)).access_token;
    const { db } = node.house;
    await db('oidc_token')
      .where({ tenant_id: site.tenantId, model: 'AccessToken' })
      .update({ payload: db.raw(`jsonb_set(payload, '{exp}', '1')`) });
    const garbage = [
      'x',
      ' ',
      'é',
      '\u{1F600}',
      '../../etc/passwd',
      "' or 1=1",
      'gha_',
      `gha_${'x'.repeat(43)}`,
      'jwt~guess',
      'a.b.c',
      'eyJ.eyJ.x',
      '....',
      id_token,
      `${access_token}x`,
      expired,
      forgeJws({ alg: 'none' }, {}),
      'x'.repeat(50_000),
      `ey${'A'.repeat(20_000)}.e.x`,
    ];
    for (const token of garbage)
      for (const hint of ['', 'access_token', 'refresh_token', 'made_up']) {
        const { status, text } = await post(node, site, '/oauth/introspect', {
          token,
          ...(hint && { token_type_hint: hint }),
        });
        expect([token.slice(0, 30), status, text]).to.deep.equal([token.slice(0, 30), 200, '{"active":false}']);
      }
    expect((await introspect(node, site, 'x'.repeat(1_000_000))).status).to.equal(413);
    expect((await introspect(node, site, 'a\u0000b')).status).to.equal(400);
    expect((await post(node, site, '/oauth/introspect', {})).status).to.equal(400);
  });

  it('sees at once that a user, a grant, a session or a client is gone (OA41)', async () => {
    const ends: ((its: Site) => Promise<unknown>)[] = [
      ({ call, user }) => node.house.services.users.suspend(call, user),
      ({ call, user }) => node.house.services.users.deactivate(call, user),
      ({ call, user }) => node.house.services.sessions.endAll(call, user),
      ({ tenantId }) => node.house.db('oidc_grant').where({ tenant_id: tenantId }).delete(),
    ];
    for (const end of ends) {
      const its = await aSiteWithGuard();
      await anotherAdmin(node, its);
      const tokens = [(await forApi(API, its)).access_token, (await forApi(OPAQUE, its)).access_token];
      for (const token of tokens) expect((await introspect(node, its, token)).body.active).to.equal(true);
      await end(its);
      for (const token of tokens) expect((await introspect(node, its, token)).body).to.deep.equal(INACTIVE);
    }
  });

  it('sees that a machine’s client is gone', async () => {
    const its = await aSiteWithGuard();
    const machine = async (resource: string) =>
      (await post(node, its, '/oauth/token', { grant_type: 'client_credentials', resource }, AS_ROBOT)).body
        .access_token as string;
    const [jwt, opaque] = [await machine(API), await machine(OPAQUE)];
    expect((await introspect(node, its, jwt, AS_GUARD)).body)
      .to.include({ active: true, client_id: 'robot' })
      .and.not.have.property('sub', its.user);
    await node.house.services.clients.disable(its.call, 'robot');
    for (const token of [jwt, opaque])
      await eventually(
        'the token to be worth nothing',
        async () => !(await introspect(node, its, token, AS_GUARD)).body.active,
      );
  });

  it('names the pairwise subject of a pairwise client, also to the API, and never the user’s id', async () => {
    const as = basic('pairwise', WEB_SECRET);
    const { access_token, id_token } = await someTokens(
      node,
      site,
      { client_id: 'pairwise', scope: 'openid read', resource: API },
      as,
      { resource: API },
    );
    const sub = JSON.parse(Buffer.from(id_token.split('.')[1] as string, 'base64url').toString()).sub as string;
    expect(sub).to.not.equal(site.user);
    for (const who of [as, AS_GUARD]) {
      const answer = await introspect(node, site, access_token, who);
      expect(answer.body).to.include({ active: true, sub });
      expect(answer.text).to.not.include(site.user);
    }
    expect(Buffer.from(access_token.split('.')[1] as string, 'base64url').toString()).to.not.include(site.user);
  });

  it('is signed for a client that wants it so (RFC 9701)', async () => {
    const as = { ...basic('signed', WEB_SECRET), accept: 'application/token-introspection+jwt' };
    const { access_token } = await someTokens(node, site, { client_id: 'signed' }, basic('signed', WEB_SECRET));
    const { text, headers } = await introspect(node, site, access_token, as);
    expect(headers.get('content-type')).to.match(/^application\/token-introspection\+jwt/);
    const keys = createLocalJWKSet((await ask(node, 'GET', `${site.issuer}/.well-known/jwks.json`)).body);
    const { payload } = await jwtVerify(text, keys, {
      issuer: site.issuer,
      audience: 'signed',
      typ: 'token-introspection+jwt',
    });
    expect(payload['token_introspection']).to.include({ active: true, sub: site.user });
    const { payload: none } = await jwtVerify((await introspect(node, site, 'garbage', as)).text, keys, {
      issuer: site.issuer,
    });
    expect(none['token_introspection']).to.deep.equal(INACTIVE);
  });

  it('by another client revokes nothing (OA42)', async () => {
    const { access_token, refresh_token } = await forApi(OPAQUE);
    for (const as of [AS_ROBOT, AS_GUARD])
      for (const token of [access_token, refresh_token]) {
        const { status } = await post(node, site, '/oauth/revoke', { token }, as);
        expect(status).to.be.oneOf([200, 400]);
      }
    await post(node, site, '/oauth/revoke', { token: refresh_token, client_id: 'spa' }, {});
    expect((await introspect(node, site, access_token)).body.active).to.equal(true);
    expect((await refresh(node, site, refresh_token)).status).to.equal(200);
  });

  it('by its own client ends the token, and with a refresh token all that came of it', async () => {
    const { access_token, refresh_token } = await forApi();
    expect((await post(node, site, '/oauth/revoke', { token: refresh_token })).status).to.equal(200);
    expect((await refresh(node, site, refresh_token)).status).to.equal(400);
    expect((await introspect(node, site, access_token)).body).to.deep.equal(INACTIVE);
    for (const token of [refresh_token, 'garbage', 'x'.repeat(1000)])
      expect((await post(node, site, '/oauth/revoke', { token })).status, 'again').to.equal(200);
    const jwt = (await forApi()).access_token;
    expect((await post(node, site, '/oauth/revoke', { token: jwt })).body).to.include({
      error: 'unsupported_token_type',
    });
  });
});
