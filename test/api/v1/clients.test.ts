import { expect } from 'chai';
import { inTransaction } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import type { Send } from '../../support/api.ts';
import { aColleague } from '../../support/colleagues.ts';
import { API, type Site } from '../../support/node.ts';
import { basic, eventually, post } from '../../support/oauth.ts';
import { auditOf } from '../../support/rooms.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';

const CLIENTS = '/api/v1/clients';
const CALLBACK = 'https://books.example/callback';
const BOOKS = { kind: 'web', client_name: 'Harbour Books', redirect_uris: [CALLBACK] };

async function made(as: Send, body: object = { kind: 'service' }): Promise<{ id: string; clientSecret: string }> {
  const answer = await as('POST', CLIENTS, { body });
  expect(answer.status, answer.text).to.equal(201);
  return answer.body;
}

describe('clients over v1', () => {
  const v1 = servingV1();
  const { signIn, node } = v1;

  let asked = 0;
  /** A token that the client gets by its own credentials; the status, and the token. */
  const tokenOf = async (site: Site, id: string, secret: string, form: Record<string, string> = {}) => {
    const request = { grant_type: 'client_credentials', resource: API, ...form };
    // Each time from another address: what is refused while the news is on its way is counted by address.
    asked += 1;
    const headers = { ...basic(id, secret), 'x-forwarded-for': `198.19.${asked >> 8}.${asked & 255}` };
    const { status, body } = await post(node(), site, '/oauth/token', request, headers);
    return { status, scope: body?.scope, token: body?.access_token as string };
  };
  /** Somebody who may write clients and roles, and no more than that. */
  async function aClerk({ site }: SignedIn, permissions = ['iam.clients:read', 'iam.clients:write']) {
    const { access } = node().house.services;
    await access.createRole(site.call, { name: 'clerk', permissions });
    return aColleague(v1, site, ['clerk']);
  }

  it('are made with the metadata of RFC 7591, and tell their secret once', async () => {
    const { as } = await signIn();
    const answer = await as('POST', CLIENTS, { body: { ...BOOKS, rateLimitPerMinute: 60 } });
    const { clientSecret, ...client } = answer.body;
    expect(client).to.deep.include({
      client_id: client.id,
      client_name: 'Harbour Books',
      kind: 'web',
      status: 'active',
      firstParty: false,
      redirect_uris: [CALLBACK],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      rateLimitPerMinute: 60,
      scopes: null,
    });
    expect([client.id, clientSecret]).to.satisfy(
      ([id, secret]: string[]) => /^cli_[0-9A-HJKMNP-TV-Z]{26}$/.test(id!) && /^[\w-]{43}$/.test(secret!),
    );
    expect(answer.headers.get('location')).to.equal(`${CLIENTS}/${client.id}`);

    const seen = await as('GET', `${CLIENTS}/${client.id}`);
    expect(seen.body).to.deep.equal(client);
    expect(seen.headers.get('etag')).to.equal(answer.headers.get('etag'));
    for (const { text } of [seen, await as('GET', CLIENTS)]) expect(text).not.to.include(clientSecret);
  });

  it('come in pages, and are found by a part of id or name, by kind and status', async () => {
    const { as } = await signIn();
    const books = await made(as, BOOKS);
    const robot = await made(as, { kind: 'service', client_id: 'night_robot', client_name: 'Robot' });
    await made(as, { kind: 'spa', redirect_uris: ['https://app.example/cb'] });
    const found = async (query: string) =>
      (await as('GET', `${CLIENTS}?${query}`)).body.data.map(({ id }: { id: string }) => id);
    expect(await found('search=HARBOUR')).to.deep.equal([books.id]);
    expect(await found('search=t_r')).to.deep.equal([robot.id]);
    expect(await found('kind=service&status=active')).to.deep.equal([robot.id]);
    await as('POST', `${CLIENTS}/${robot.id}/revoke`);
    expect(await found('status=disabled')).to.deep.equal([robot.id]);
    const page = (await as('GET', `${CLIENTS}?pageSize=2&page=2`)).body;
    expect([page.data.length, page.total, page.page]).to.deep.equal([1, 3, 2]);
  });

  it('are refused with what no client may say of itself, and told which field it is', async () => {
    const { as } = await signIn();
    const refused: [object, status: number, field: string][] = [
      [{ redirect_uris: ['javascript:alert(1)'] }, 422, 'redirect_uris'],
      [{ redirect_uris: ['https://books.example/cb#here'] }, 422, 'redirect_uris'],
      [{ redirect_uris: ['http://books.example/cb'] }, 422, 'redirect_uris'],
      [{ redirect_uris: ['https://*.example/cb'] }, 422, 'redirect_uris'],
      [{ redirect_uris: [] }, 422, 'redirect_uris'],
      [{ post_logout_redirect_uris: ['data:text/html,x'] }, 422, 'post_logout_redirect_uris'],
      [{ logo_uri: 'javascript:alert(1)' }, 422, 'logo_uri'],
      [{ grant_types: ['password'] }, 422, 'grant_types'],
      [{ grant_types: ['implicit'] }, 422, 'grant_types'],
      [{ response_types: ['token'] }, 422, 'response_types'],
      [{ token_endpoint_auth_method: 'none' }, 422, 'token_endpoint_auth_method'],
      [{ allowedIps: ['10.0.0.0/33'] }, 422, 'allowedIps'],
      [{ allowedIps: ['everywhere'] }, 422, 'allowedIps'],
      [{ scopes: ['two words'] }, 422, 'scopes'],
      [{ id_token_signed_response_alg: 'none' }, 422, 'client'],
      [{ jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] } }, 422, 'client'],
      [{ rateLimitPerMinute: 0 }, 400, 'rateLimitPerMinute'],
      [{ token_endpoint_auth_method: 'client_secret_jwt' }, 400, 'token_endpoint_auth_method'],
      [{ jwks: { keys: [], more: 1 } }, 400, 'jwks.more'],
      [{ client_secret: 'x'.repeat(40) }, 400, 'client_secret'],
      [{ software_statement: 'x.y.z' }, 400, 'software_statement'],
      [{ kind: 'god' }, 400, 'kind'],
    ];
    for (const [change, status, field] of refused) {
      const answer = await as('POST', CLIENTS, { body: { ...BOOKS, ...change } });
      expect([change, answer.status, answer.body.details?.[0]?.field]).to.deep.equal([change, status, field]);
    }
    const big = { keys: Array.from({ length: 20 }, (_, n) => ({ kty: 'RSA', kid: `${n}`, n: 'x'.repeat(3_400) })) };
    expect((await as('POST', CLIENTS, { body: { ...BOOKS, jwks: big } })).status).to.be.oneOf([413, 422]);
    expect((await as('GET', CLIENTS)).body.total).to.equal(0);
  });

  it('never show, nor keep, the private half of a key', async () => {
    const { as } = await signIn();
    const { body: made } = await as('POST', CLIENTS, {
      body: { ...BOOKS, jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'eA', y: 'eQ', d: 'c2VjcmV0' }] } },
    });
    expect([made.error, made.details?.[0].field]).to.deep.equal(['IDENT_CLIENT_INVALID', 'client']);
  });

  it('have an id of their own in the tenant, and none of those that are ours', async () => {
    const { as } = await signIn();
    await made(as, { ...BOOKS, client_id: 'books' });
    expect((await as('POST', CLIENTS, { body: { ...BOOKS, client_id: 'books' } })).body.error).to.equal(
      'IDENT_CLIENT_DUPLICATE',
    );
    for (const client_id of ['gatehouse', 'gatehouse-account', 'a:b'])
      expect((await as('POST', CLIENTS, { body: { ...BOOKS, client_id } })).status).to.equal(422);
  });

  it('are changed by who has read them last, and every change is one line of the audit trail', async () => {
    const { as, site } = await signIn();
    const { id } = await made(as, { ...BOOKS, logo_uri: 'https://books.example/logo.svg' });
    const { headers } = await as('GET', `${CLIENTS}/${id}`);
    const ifMatch = { 'if-match': headers.get('etag')! };
    const change = (body: object, more: Record<string, string> = {}) =>
      as('PATCH', `${CLIENTS}/${id}`, { body, headers: more });
    const before = (await auditOf(site.call)).length;
    const changed = await change({ client_name: 'Books', logo_uri: null, scopes: ['read'] }, ifMatch);
    expect(changed.body).to.deep.include({ client_name: 'Books', scopes: ['read'], redirect_uris: [CALLBACK] });
    expect(changed.body).not.to.have.property('logo_uri');
    expect((await change({ client_name: 'Again' }, ifMatch)).body.error).to.equal('IDENT_PRECONDITION_FAILED');
    expect((await as('DELETE', `${CLIENTS}/${id}`, { headers: ifMatch })).status).to.equal(412);
    expect((await change({ client_name: 'Books' })).status, 'the same again').to.equal(200);
    expect((await change({ status: 'disabled' })).body.status).to.equal('disabled');
    expect((await change({ status: 'active' })).body.status).to.equal('active');
    expect((await auditOf(site.call)).slice(before)).to.deep.equal([
      'client.updated',
      'client.disabled',
      'client.enabled',
    ]);
  });

  it('are kept to the scopes that they were given, from the next second on', async () => {
    const { as, site } = await signIn();
    const { id, clientSecret } = await made(as, { kind: 'service', scopes: ['read'] });
    const scopes = async () => (await tokenOf(site, id, clientSecret, { scope: 'read write' })).scope;
    expect(await scopes()).to.equal('read');
    await as('PATCH', `${CLIENTS}/${id}`, { body: { scopes: ['write'] } });
    await eventually('the node has heard of it', async () => (await scopes()) === 'write');
  });

  it('change their secret without an outage: two work, and of three the oldest does not', async () => {
    const { as, site } = await signIn();
    const { id, clientSecret: first } = await made(as);
    const rotate = async (body?: object) => (await as('POST', `${CLIENTS}/${id}/rotate`, body && { body })).body;
    const works = async (secret: string) => (await tokenOf(site, id, secret)).status === 200;
    const second = await rotate();
    expect(Date.parse(second.overlapUntil) - Date.now()).to.be.within(86_000_000, 86_400_000);
    await eventually('the second works', () => works(second.clientSecret));
    expect(await works(first)).to.equal(true);
    const third = await rotate({ overlapSeconds: LIMITS.secretOverlapSeconds });
    await eventually('the third works', () => works(third.clientSecret));
    expect([await works(first), await works(second.clientSecret)]).to.deep.equal([false, true]);
    const last = await rotate({ overlapSeconds: 0 });
    await eventually('the last works', () => works(last.clientSecret));
    expect([await works(second.clientSecret), await works(third.clientSecret)]).to.deep.equal([false, false]);
    const tooLong = { body: { overlapSeconds: LIMITS.secretOverlapSeconds + 1 } };
    expect((await as('POST', `${CLIENTS}/${id}/rotate`, tooLong)).status).to.equal(400);
  });

  it('have two secrets at most, however many rotate at once', async () => {
    const { as, site } = await signIn();
    const { id } = await made(as);
    await Promise.all(Array.from({ length: 4 }, () => as('POST', `${CLIENTS}/${id}/rotate`)));
    expect(await node().house.services.clients.listSecrets(site.call, id)).to.have.length(2);
  });

  it('give the same secret to who asks again with the same key, and keep none of it in clear', async () => {
    const { as, site } = await signIn();
    const headers = { 'idempotency-key': 'once' };
    const [first, again] = [
      await as('POST', CLIENTS, { body: { kind: 'service' }, headers }),
      await as('POST', CLIENTS, { body: { kind: 'service' }, headers }),
    ];
    expect([again.text, again.headers.get('idempotency-replayed')]).to.deep.equal([first.text, 'true']);
    expect((await as('GET', CLIENTS)).body.total).to.equal(1);
    const kept = await inTransaction(site.call, ({ db }) =>
      db('idempotency_keys').where({ tenant_id: site.tenantId }).pluck('sealed'),
    );
    expect(kept).to.have.length(1);
    expect(kept[0].toString('latin1')).not.to.include(first.body.clientSecret);
  });

  it('that are revoked get nothing more, and what they have is worth nothing at once', async () => {
    const { as, site } = await signIn();
    const resourceServer = await made(as, { kind: 'service', resource_servers: [API] });
    const { id, clientSecret } = await made(as);
    const { token } = await tokenOf(site, id, clientSecret);
    const isActive = async () =>
      (await post(node(), site, '/oauth/introspect', { token }, basic(resourceServer.id, resourceServer.clientSecret)))
        .body.active;
    expect(await isActive()).to.equal(true);
    expect((await as('POST', `${CLIENTS}/${id}/revoke`)).body.status).to.equal('disabled');
    await eventually('the token is worth nothing', async () => !(await isActive()));
    expect((await tokenOf(site, id, clientSecret)).status).to.equal(401);
    expect((await as('POST', `${CLIENTS}/${id}/revoke`)).status, 'once more').to.equal(200);
    expect((await as('DELETE', `${CLIENTS}/${id}`)).status).to.equal(204);
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/revoke'],
      ['POST', '/rotate'],
    ] as const)
      expect((await as(method, `${CLIENTS}/${id}${path}`)).body.error).to.equal('IDENT_CLIENT_NOT_FOUND');
  });

  it('have roles where they act for themselves, which nobody gives who does not hold them', async () => {
    const owner = await signIn();
    const { as } = owner;
    const [robot, spa] = [await made(as), await made(as, { kind: 'spa', redirect_uris: ['https://app.example/cb'] })];
    const roles = await as('PUT', `${CLIENTS}/${robot.id}/roles`, { body: { roles: ['AUDITOR'] } });
    expect((await as('GET', `${CLIENTS}/${robot.id}/roles`)).body).to.deep.equal(roles.body);
    expect(roles.body.data[0].name).to.equal('AUDITOR');
    const give = async (who: Send, id: string, role: string) =>
      (await who('PUT', `${CLIENTS}/${id}/roles`, { body: { roles: [role] } })).body.error;
    expect(await give(as, spa.id, 'AUDITOR')).to.equal('IDENT_CLIENT_INVALID');
    expect(await give(as, robot.id, 'SUPER_ADMIN')).to.equal('IDENT_ROLE_NOT_FOUND');
    const clerk = await aClerk(owner, ['iam.roles:read', 'iam.roles:write']);
    expect(await give(clerk.as, robot.id, 'TENANT_ADMIN')).to.equal('IDENT_PRIVILEGE_ESCALATION');
  });

  it('that may do more than somebody are neither theirs to change, nor to rotate, nor to remove', async () => {
    const owner = await signIn();
    const { id } = await made(owner.as);
    await owner.as('PUT', `${CLIENTS}/${id}/roles`, { body: { roles: ['TENANT_ADMIN'] } });
    const clerk = await aClerk(owner);
    const mighty = `${CLIENTS}/${id}`;
    const jwks_uri = 'https://evil.example/jwks';
    for (const answer of [
      await clerk.as('PATCH', mighty, { body: { jwks_uri, token_endpoint_auth_method: 'private_key_jwt' } }),
      await clerk.as('POST', `${mighty}/rotate`),
      await clerk.as('DELETE', mighty),
    ])
      expect([answer.status, answer.body.error]).to.deep.equal([403, 'IDENT_PRIVILEGE_ESCALATION']);
    expect((await auditOf(owner.site.call)).slice(-3)).to.deep.equal(Array(3).fill('access.refused'));
    const own = await made(clerk.as);
    expect((await clerk.as('POST', `${CLIENTS}/${own.id}/rotate`)).status, 'one without rights').to.equal(200);
    // To shut out what does harm takes no more than the right to do so; to let it in again does.
    expect((await clerk.as('POST', `${mighty}/revoke`)).status).to.equal(200);
    expect((await clerk.as('PATCH', mighty, { body: { status: 'active' } })).status).to.equal(403);
  });

  it('skip consent only where somebody says so who may change the tenant’s settings', async () => {
    const owner = await signIn();
    const clerk = await aClerk(owner);
    const { id } = await made(owner.as, { ...BOOKS, firstParty: true });
    const own = await made(clerk.as, BOOKS);
    for (const answer of [
      await clerk.as('POST', CLIENTS, { body: { ...BOOKS, firstParty: true } }),
      await clerk.as('PATCH', `${CLIENTS}/${own.id}`, { body: { firstParty: true } }),
      await clerk.as('PATCH', `${CLIENTS}/${id}`, { body: { redirect_uris: ['https://evil.example/cb'] } }),
      await clerk.as('PATCH', `${CLIENTS}/${id}`, { body: { firstParty: false } }),
      await clerk.as('POST', `${CLIENTS}/${id}/rotate`),
    ])
      expect([answer.status, answer.body.error]).to.deep.equal([403, 'IDENT_PRIVILEGE_ESCALATION']);
    expect((await owner.as('PATCH', `${CLIENTS}/${own.id}`, { body: { firstParty: true } })).status).to.equal(200);
  });
});
