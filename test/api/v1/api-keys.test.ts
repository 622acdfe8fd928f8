import { expect } from 'chai';
import { permissionsOfRoles } from '../../../src/domain/access/role.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { type Request, sender } from '../../support/api.ts';
import { aColleague } from '../../support/colleagues.ts';
import { startNode } from '../../support/node.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';

const KEYS = '/api/v1/api-keys';
const NODES = '/api/v1/nodes';

describe('API keys over v1', () => {
  const v1 = servingV1();
  const { signIn, node, stranger } = v1;

  async function keyOf({ as }: Pick<SignedIn, 'as'>, more: object = {}) {
    const answer = await as('POST', KEYS, { body: { name: 'Report', scopes: ['iam.nodes:read'], ...more } });
    expect(answer.status, answer.text).to.equal(201);
    return answer.body as { id: string; secret: string };
  }
  /** Asks with a key, from an address of its own. */
  const by = (secret: string) => {
    const ask = stranger();
    return (method: string, path: string, { headers, ...more }: Request = {}) =>
      ask(method, path, { ...more, headers: { 'x-api-key': secret, ...headers } });
  };
  const codeOf = async (asked: Promise<{ status: number; body: { error?: string } }>) => {
    const { status, body } = await asked;
    return [status, body?.error];
  };

  it('are shown once, and open what they were given, in either header', async () => {
    const owner = await signIn();
    const { id, secret, ...shown } = await keyOf(owner, { expiresAt: '2099-01-01T00:00:00Z' });
    expect(secret).to.match(/^ghk_[0-7][0-9A-HJKMNP-TV-Z]{25}_[0-9A-Za-z]{49}$/);
    expect(secret.slice(4, 30)).to.equal(id.slice(4));
    expect(shown).to.deep.include({ userId: owner.tokens.user.id, scopes: ['iam.nodes:read'], lastUsedAt: null });
    expect((await by(secret)('GET', NODES)).status).to.equal(200);
    const bearer = { authorization: `Bearer ${secret}` };
    expect((await stranger()('GET', NODES, { headers: bearer })).status).to.equal(200);
    const { body, text } = await owner.as('GET', KEYS);
    expect(body.data).to.have.length(1);
    expect(body.data[0]).to.include({ id, name: 'Report' });
    expect(body.data[0].lastUsedAt).to.be.a('string');
    expect(text).not.to.include(secret.slice(-49));
    expect(node().logged.join('')).not.to.include(secret.slice(-49));
  });

  it('open nothing else: no other permission, nothing of a person or an operator', async () => {
    const owner = await signIn();
    const ask = by((await keyOf(owner)).secret);
    for (const [method, path] of [
      ['POST', NODES],
      ['GET', '/api/v1/roles'],
      ['GET', '/api/v1/me'],
      ['GET', '/api/v1/me/sessions'],
      ['POST', '/api/v1/auth/logout'],
      ['GET', KEYS],
    ] as const) {
      const body = method === 'POST' && path === NODES ? { body: { type: 'team', name: 'Night' } } : {};
      expect([path, ...(await codeOf(ask(method, path, body)))]).to.deep.equal([path, 403, 'IDENT_FORBIDDEN']);
    }
  });

  it('act under their own name in the audit trail', async () => {
    const owner = await signIn();
    const { id, secret } = await keyOf(owner, { scopes: ['iam.nodes:write'] });
    expect((await by(secret)('POST', NODES, { body: { type: 'team', name: 'Night' } })).status).to.equal(201);
    const { data } = (await owner.as('GET', `/api/v1/audit?action=node.created&actorId=${id}`)).body;
    expect(data.map(({ actor }: { actor: object }) => actor)).to.deep.equal([{ type: 'api-key', id }]);
  });

  it('invite on the word of whom they act for', async () => {
    const owner = await signIn();
    const { secret } = await keyOf(owner, { scopes: ['iam.users:create', 'iam.roles:write'] });
    const email = `new@${owner.site.slug}.test`;
    const invited = await by(secret)('POST', '/api/v1/invites', { body: { email } });
    expect(invited.status, invited.text).to.equal(201);
    expect(invited.text).to.include(owner.tokens.user.id);
    const tooMuch = { body: { email: `other@${owner.site.slug}.test`, roles: ['TENANT_ADMIN'] } };
    expect((await by(secret)('POST', '/api/v1/invites', tooMuch)).body.error).to.equal('IDENT_PRIVILEGE_ESCALATION');
  });

  it('are no way past the proofs that their owner is asked for', async () => {
    const owner = await signIn();
    const scopes = permissionsOfRoles([{ name: 'TENANT_ADMIN', permissions: [] }]);
    const ask = by((await keyOf(owner, { scopes })).secret);
    const path = `/api/v1/users/${owner.tokens.user.id}`;
    for (const [method, url, body] of [
      ['PATCH', path, { email: 'mine@example.com' }],
      ['DELETE', `${path}/mfa`, undefined],
      ['POST', `${path}/erase`, { graceDays: 0 }],
    ] as const)
      expect([url, ...(await codeOf(ask(method, url, body ? { body } : {})))]).to.deep.equal([
        url,
        403,
        'IDENT_FORBIDDEN',
      ]);
    expect((await owner.as('GET', path)).body.email).to.equal(owner.site.email);
  });

  it('are refused alike, whatever is wrong with them', async () => {
    const owner = await signIn();
    const [key, revoked, foreign] = [
      await keyOf(owner),
      await keyOf(owner),
      await keyOf(owner, { allowedIps: ['192.0.2.1'] }),
    ];
    await owner.as('DELETE', `${KEYS}/${revoked.id}`);
    const wrong = key.secret.slice(0, -1) + (key.secret.endsWith('A') ? 'B' : 'A');
    const answers = [];
    for (const secret of [wrong, revoked.secret, foreign.secret, key.secret.slice(0, 31), 'ghk_', 'x'])
      answers.push(await by(secret)('GET', NODES));
    for (const { status, body } of answers) expect([status, body.error]).to.deep.equal([401, 'IDENT_UNAUTHENTICATED']);
    expect(new Set(answers.map(({ body }) => body.message)).size).to.equal(1);
    const here = await by(foreign.secret)('GET', NODES, { headers: { 'x-forwarded-for': '192.0.2.1' } });
    expect(here.status).to.equal(200);
  });

  it('stand in one header and nowhere else', async () => {
    const owner = await signIn();
    const { secret } = await keyOf(owner);
    const ask = stranger();
    const both = { 'x-api-key': secret, authorization: `Bearer ${owner.tokens.accessToken}` };
    expect(await codeOf(ask('GET', NODES, { headers: both }))).to.deep.equal([400, 'IDENT_VALIDATION']);
    const twice = { 'x-api-key': secret, authorization: `Bearer ${secret}` };
    expect(await codeOf(ask('GET', NODES, { headers: twice }))).to.deep.equal([400, 'IDENT_VALIDATION']);
    const basic = { authorization: `Basic ${btoa(`key:${secret}`)}` };
    expect((await ask('GET', NODES, { headers: basic })).status).to.equal(401);
    for (const name of ['api_key', 'access_token', 'key'])
      expect((await ask('GET', `${NODES}?${name}=${secret}`)).status).to.equal(401);
    expect(node().logged.join('')).not.to.include(secret.slice(-49));
  });

  it('are for their own tenant, whatever the request says', async () => {
    const [owner, other] = [await signIn(), await signIn()];
    const { secret } = await keyOf(owner);
    const theirs = await other.as('POST', NODES, { body: { type: 'team', name: 'Theirs' } });
    const ask = by(secret);
    expect((await ask('GET', `${NODES}/${theirs.body.id}`)).status).to.equal(404);
    const named = (id: string) => ask('GET', NODES, { headers: { 'x-tenant-id': id } });
    expect(await codeOf(named(other.tokens.user.tenantId))).to.deep.equal([403, 'IDENT_CROSS_TENANT']);
    expect((await named(owner.tokens.user.tenantId)).status).to.equal(200);
  });

  it('are made of what their maker holds', async () => {
    const owner = await signIn();
    await node().house.services.access.createRole(owner.site.call, {
      name: 'clerk',
      permissions: ['iam.apikeys:create', 'iam.apikeys:rotate', 'iam.nodes:read'],
    });
    const clerk = await aColleague(v1, owner.site, ['clerk']);
    const make = (scopes: string[]) => clerk.as('POST', KEYS, { body: { name: 'Mine', scopes } });
    expect(await codeOf(make(['iam.nodes:write']))).to.deep.equal([403, 'IDENT_PRIVILEGE_ESCALATION']);
    expect((await make(['iam.nodes:read'])).status).to.equal(201);
    const { id } = await keyOf(owner, { scopes: ['iam.nodes:write'] });
    expect(await codeOf(clerk.as('POST', `${KEYS}/${id}/rotate`))).to.deep.equal([403, 'IDENT_PRIVILEGE_ESCALATION']);
  });

  it('are rotated with an overlap of a day unless told', async () => {
    const owner = await signIn();
    const { id, secret } = await keyOf(owner);
    const rotated = (await owner.as('POST', `${KEYS}/${id}/rotate`)).body;
    expect(Date.parse(rotated.overlapUntil) - Date.now()).to.be.within(86_000_000, 86_400_000);
    for (const good of [secret, rotated.secret]) expect((await by(good)('GET', NODES)).status).to.equal(200);
    const last = (await owner.as('POST', `${KEYS}/${id}/rotate`, { body: { overlapSeconds: 0 } })).body;
    for (const gone of [secret, rotated.secret]) expect((await by(gone)('GET', NODES)).status).to.equal(401);
    expect((await by(last.secret)('GET', NODES)).status).to.equal(200);
  });

  it('come out once for one Idempotency-Key', async () => {
    const { as } = await signIn();
    const request = {
      body: { name: 'Report', scopes: ['iam.nodes:read'] },
      headers: { 'idempotency-key': 'one' },
    };
    const [first, again] = [await as('POST', KEYS, request), await as('POST', KEYS, request)];
    expect(again.text).to.equal(first.text);
    expect((await as('GET', KEYS)).body.total).to.equal(1);
  });

  it('are guessed so often from one address, then not for a while, on every node', async () => {
    const there = await startNode({ publicUrl: node().url, settings: { TRUSTED_PROXIES: '127.0.0.0/8' } });
    try {
      const { secret } = await keyOf(await signIn());
      const headers = { 'x-api-key': `${secret.slice(0, 31)}${'0'.repeat(49)}`, 'x-forwarded-for': '198.18.255.1' };
      const [here, far] = [sender(() => node().port), sender(() => there.port)];
      for (let guess = 0; guess < LIMITS.apiKeyFailures; guess++)
        expect((await here('GET', NODES, { headers })).status).to.equal(401);
      const right = { ...headers, 'x-api-key': secret };
      const refused = await here('GET', NODES, { headers: right });
      expect([refused.status, refused.body.error]).to.deep.equal([429, 'IDENT_RATE_LIMITED']);
      expect(Number(refused.headers.get('retry-after'))).to.be.within(1, LIMITS.apiKeyWindowSeconds);
      // A node that has not heard of it counts one more guess, and knows.
      await far('GET', NODES, { headers });
      expect((await far('GET', NODES, { headers: right })).status).to.equal(429);
      expect((await by(secret)('GET', NODES)).status, 'from another address').to.equal(200);
    } finally {
      await there.stop();
    }
  });
});
