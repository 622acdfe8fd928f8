import { expect } from 'chai';
import { inTransaction } from '../../src/kernel/call.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { OWN_METADATA } from '../../src/oidc/client-source.ts';
import { issueInitialAccessToken } from '../../src/oidc/registration-token.ts';
import { aBrowser } from '../support/browser.ts';
import { expectFailure } from '../support/expect.ts';
import { listening } from '../support/listener.ts';
import { aSite, CALLBACK, type Site, startNode, type TestNode, WEB } from '../support/node.ts';
import { ask, authorizeUrl, basic, bearer, post } from '../support/oauth.ts';

const APP = {
  redirect_uris: [CALLBACK],
  client_name: 'My app',
  token_endpoint_auth_method: 'client_secret_basic',
  grant_types: ['authorization_code', 'refresh_token'],
};

describe('dynamic registration', () => {
  let node: TestNode;
  let site: Site;
  let token: string;
  before(async () => {
    node = await startNode({ settings: { EGRESS_ALLOWED_CIDRS: '' } });
    site = await aSite(node, { settings: { registration: { dynamicClients: true } } });
    token = await issueInitialAccessToken(node.core, site.tenantId);
  });
  after(() => node.stop());

  const register = (metadata: object | string, headers = bearer(token), at = site) =>
    ask(node, 'POST', `${at.issuer}/oauth/register`, { json: metadata, headers });
  const manage = (
    method: string,
    { registration_client_uri: uri, registration_access_token: access }: Record<string, string>,
    json?: object,
  ) => ask(node, method, uri as string, { headers: bearer(access as string), ...(json && { json }) });
  const hashesOf = async (clientId: string) =>
    (await node.house.services.clients.findForCore({ ...site.call, now: new Date() }, clientId))?.secretHashes ?? [];

  /** What the answer says of what we keep: nothing. */
  async function expectNothingOfOurs(text: string, clientId: string): Promise<void> {
    for (const name of OWN_METADATA) expect(text).to.not.include(`"${name}"`);
    for (const hash of await hashesOf(clientId)) expect(text).to.not.include(hash);
  }

  it('is closed where the tenant does not want it', async () => {
    const closed = await aSite(node);
    await expectFailure('conflict', issueInitialAccessToken(node.core, closed.tenantId));
    expect((await register(APP, bearer(token), closed)).status).to.equal(404);
  });

  it('needs an initial access token of this tenant', async () => {
    const other = await aSite(node, { settings: { registration: { dynamicClients: true } } });
    const foreign = await issueInitialAccessToken(node.core, other.tenantId);
    for (const headers of [{}, bearer('ghi_wrong'), bearer(foreign), basic('web', 'x')])
      expect((await register(APP, headers as Record<string, string>)).status).to.be.oneOf([400, 401]);
  });

  it('makes a client that signs people in (RFC 7591)', async () => {
    const { status, body, text, headers } = await register(APP);
    expect(status).to.equal(201);
    expect(headers.get('cache-control')).to.equal('no-store');
    expect(body).to.include({ client_name: 'My app', client_secret_expires_at: 0 });
    expect(body.client_id).to.match(/^reg_/);
    await expectNothingOfOurs(text.replace(body.client_secret, ''), body.client_id);
    const { code, verifier } = await consented(body.client_id);
    const tokens = await post(
      node,
      site,
      '/oauth/token',
      { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier },
      basic(body.client_id, body.client_secret),
    );
    expect(tokens.status).to.equal(200);
  });

  /** A registered client is nobody's own: its users are asked. */
  async function consented(clientId: string) {
    const browser = aBrowser(node);
    const verifier = 'v'.repeat(43);
    const consent = await browser.signIn(authorizeUrl(site, { client_id: clientId }, verifier), site.email);
    const back = await browser.submit(consent, { action: 'allow' });
    return { code: back.url.searchParams.get('code') as string, verifier };
  }

  it('lets a client read, change and remove its record, and turns its token (RFC 7592)', async () => {
    const made = (await register(APP)).body;
    const read = await manage('GET', made);
    expect(read.body).to.include({ client_id: made.client_id, client_name: 'My app' });
    expect(read.body).to.not.have.any.keys('client_secret', 'client_secret_expires_at');
    await expectNothingOfOurs(read.text, made.client_id);

    const changed = await manage('PUT', made, {
      ...APP,
      client_id: made.client_id,
      client_secret: made.client_secret,
      client_name: 'Renamed',
    });
    expect([changed.status, changed.body.client_name]).to.deep.equal([200, 'Renamed']);
    await expectNothingOfOurs(changed.text, made.client_id);
    expect(changed.body.registration_access_token).to.not.equal(made.registration_access_token);
    expect((await manage('GET', made)).status, 'the old token').to.equal(401);
    expect(
      (await post(node, site, '/oauth/revoke', { token: 'x' }, basic(made.client_id, made.client_secret))).status,
      'the secret is still good',
    ).to.equal(200);

    const turned = { ...made, registration_access_token: changed.body.registration_access_token };
    expect((await manage('DELETE', turned)).status).to.equal(204);
    expect((await manage('GET', turned)).status).to.equal(401);
    expect(
      (await post(node, site, '/oauth/revoke', { token: 'x' }, basic(made.client_id, made.client_secret))).status,
    ).to.equal(401);
  });

  it('wants the right secret where one is named; the stored hash is not it', async () => {
    const made = (await register(APP)).body;
    for (const client_secret of ['wrong', (await hashesOf(made.client_id))[0], 1, null]) {
      const { status } = await manage('PUT', made, { ...APP, client_id: made.client_id, client_secret });
      expect([client_secret, status]).to.deep.equal([client_secret, 400]);
    }
    expect((await manage('PUT', made, { ...APP, client_id: made.client_id })).status).to.equal(200);
  });

  it('gives a secret, once, to a client that begins to need one', async () => {
    const made = (await register({ ...APP, token_endpoint_auth_method: 'none' })).body;
    expect(made).to.not.have.property('client_secret');
    const changed = (await manage('PUT', made, { ...APP, client_id: made.client_id })).body;
    expect(changed.client_secret).to.be.a('string');
    expect(
      (await post(node, site, '/oauth/revoke', { token: 'x' }, basic(made.client_id, changed.client_secret))).status,
    ).to.equal(200);
    const read = await manage('GET', { ...made, registration_access_token: changed.registration_access_token });
    expect(read.body).to.not.have.property('client_secret');
  });

  it('does not open one client’s record with another’s token (OA50)', async () => {
    const [mine, yours] = [(await register(APP)).body, (await register(APP)).body];
    const crossed = { ...yours, registration_access_token: mine.registration_access_token };
    for (const [method, json] of [['GET'], ['PUT', { ...APP, client_id: yours.client_id }], ['DELETE']] as const)
      expect((await manage(method, crossed, json)).status).to.equal(401);
    expect((await manage('GET', yours)).status).to.equal(200);
  });

  it('does not reach clients that the tenant made', async () => {
    await node.house.services.clients.create(site.call, { ...WEB, clientId: 'own' });
    const made = (await register(APP)).body;
    expect(
      (
        await manage(
          'PUT',
          { ...made, registration_client_uri: `${site.issuer}/oauth/register/own` },
          { ...APP, client_id: 'own' },
        )
      ).status,
    ).to.equal(401);
    expect((await node.house.services.clients.get(site.call, 'own')).registered).to.equal(false);
  });

  describe('refuses', () => {
    const wrong: Record<string, object> = {
      'a script as redirect URI': { redirect_uris: ['javascript:alert(1)'] },
      'data as redirect URI': { redirect_uris: ['data:text/html,x'] },
      'plain http elsewhere': { redirect_uris: ['http://app.example/cb'] },
      'a fragment': { redirect_uris: ['https://app.example/cb#x'] },
      'no redirect URI': { redirect_uris: [] },
      'keys inside our network': {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks_uri: 'https://169.254.169.254/jwks',
      },
      'keys on this machine': { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'http://127.0.0.1:1/jwks' },
      'a sector inside our network': { subject_type: 'pairwise', sector_identifier_uri: 'https://10.0.0.1/sector' },
      'logout notices into our network': { backchannel_logout_uri: 'http://192.168.0.1/logout' },
      'a logo over plain http': { logo_uri: 'http://tracker.test/p.gif' },
      'a logo that is a script': { logo_uri: 'javascript:alert(1)' },
      'a software statement': { software_statement: 'eyJhbGciOiJub25lIn0.e30.' },
      'machine credentials': { grant_types: ['client_credentials'], response_types: [], redirect_uris: [] },
      passwords: { grant_types: ['password'] },
      'our own grant': { grant_types: ['authorization_code', 'urn:gatehouse:params:oauth:grant-type:first-party'] },
      'an implicit flow': { response_types: ['token'], grant_types: ['implicit'] },
      'a symmetric signature': { id_token_signed_response_alg: 'HS256' },
      'an unsigned ID token': { id_token_signed_response_alg: 'none' },
    };
    for (const [what, metadata] of Object.entries(wrong))
      it(`${what} (OA49)`, async () => {
        const { status, body } = await register({ ...APP, ...metadata });
        expect(status).to.equal(400);
        expect(body.error).to.be.oneOf(['invalid_client_metadata', 'invalid_redirect_uri']);
      });

    for (const name of OWN_METADATA.filter((each) => each !== 'registered'))
      it(`${name}, which is the tenant’s (OA49)`, async () => {
        for (const value of [true, ['x'], 'fapi2'])
          expect((await register({ ...APP, [name]: value })).status).to.equal(400);
        const made = (await register(APP)).body;
        expect((await manage('PUT', made, { ...APP, client_id: made.client_id, [name]: true })).status).to.equal(400);
      });

    it('what is not one plain JSON object (IN06, IN10, IN11, IN12)', async () => {
      const bodies = [
        '',
        '[]',
        'null',
        '"x"',
        '{',
        `{"client_name":"a\\u0000b","redirect_uris":["${CALLBACK}"]}`,
        `{"client_name":"\\ud800","redirect_uris":["${CALLBACK}"]}`,
        `{"client_name":"a","client_name":"b"}`,
        `{"__proto__":{"first_party":true}}`,
        `{"constructor":{"prototype":{}}}`,
        '['.repeat(5000),
        `{"a":${'['.repeat(50)}${']'.repeat(50)}}`,
      ];
      for (const body of bodies) expect((await register(body)).status, body.slice(0, 40)).to.equal(400);
      expect(
        (await register(JSON.stringify({ ...APP, client_name: 'x'.repeat(LIMITS.jsonBodyBytes) }))).status,
      ).to.equal(413);
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-7'])
        expect((await register(APP, { ...bearer(token), 'content-type': type })).status, type).to.equal(415);
      expect((await register(APP, { ...bearer(token), 'content-encoding': 'gzip' })).status).to.equal(415);
    });
  });

  it('calls nobody while a client registers', async () => {
    const inside = await listening((socket) => socket.end());
    try {
      await register({
        ...APP,
        jwks_uri: `http://127.0.0.1:${inside.port}/`,
        sector_identifier_uri: `http://127.0.0.1:${inside.port}/`,
      });
      expect(inside.connections()).to.equal(0);
    } finally {
      await inside.close();
    }
  });

  it('ends where the tenant has as many as it may have; those that are there can still change (OA49)', async () => {
    const full = await aSite(node, { settings: { registration: { dynamicClients: true } } });
    const its = bearer(await issueInitialAccessToken(node.core, full.tenantId));
    const made = (await register(APP, its, full)).body;
    await inTransaction(full.call, ({ db }) =>
      db.raw(
        `insert into clients (tenant_id, client_id, kind, name, status, registered, metadata, created_at, updated_at)
         select ?, 'filler' || n, 'web', 'x', 'active', true, '{}', now(), now() from generate_series(2, ?) n`,
        [full.tenantId, LIMITS.registeredClients],
      ),
    );
    expect((await register(APP, its, full)).body).to.include({ error: 'invalid_client_metadata' });
    expect(
      (await manage('PUT', made, { ...APP, client_id: made.client_id, client_name: 'Still here' })).status,
    ).to.equal(200);
  });
});
