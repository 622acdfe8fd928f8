import { expect } from 'chai';
import { tenantIds } from '../../../src/api/v1/ids.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { sender } from '../../support/api.ts';
import { aPerson } from '../../support/colleagues.ts';
import { startNode } from '../../support/node.ts';
import { aSlug, auditOf } from '../../support/rooms.ts';
import { type SignedIn, servingV1 } from '../../support/v1.ts';
import { aTenantBy } from '../../support/writes/tenants.ts';

const TENANTS = '/api/v1/tenants';
const pathOf = ({ tokens }: SignedIn) => `${TENANTS}/${tokens.user.tenantId}`;
const ACME = { name: 'Acme', type: 'customer', country: 'GB' };

describe('tenants over v1', () => {
  const v1 = servingV1();
  const { signIn, operator, node } = v1;
  const found = async (slug: string) =>
    (await fetch(`${node().url}/t/${slug}/.well-known/openid-configuration`)).status;

  it('are made by an operator, whole: keys, roles and the root of the tree', async () => {
    const { as } = await operator();
    const slug = aSlug();
    const answer = await as('POST', TENANTS, {
      body: { ...ACME, slug, type: 'partner', config: { tier: { gold: 1 } } },
    });
    expect(answer.status, answer.text).to.equal(201);
    expect(answer.body).to.deep.include({ ...ACME, slug, type: 'partner', status: 'active', userCount: 0 });
    expect(answer.headers.get('location')).to.equal(`${TENANTS}/${answer.body.id}`);
    const again = await as('GET', `${TENANTS}/${answer.body.id}`);
    expect(again.body).to.deep.equal(answer.body);
    expect(again.headers.get('etag')).to.equal(answer.headers.get('etag'));
    expect(await found(slug)).to.equal(200);
    const { services, operator: asOperator } = node().house;
    const call = { ...asOperator('test'), tenantId: tenantIds.decode(answer.body.id)! };
    expect((await services.access.list(call)).total).to.equal(3);
    expect((await services.nodes.tree(call, {})).tree.name).to.equal('Acme');
    expect((await services.signingKeys.keysOf(call)).map(({ alg }) => alg).sort()).to.deep.equal(['ES256', 'RS256']);
  });

  it('get a slug after their name, and each its own', async () => {
    const { as } = await operator();
    const name = `Clinique Étoile ${aSlug()}`;
    const made = await Promise.all([1, 2, 3].map(() => as('POST', TENANTS, { body: { ...ACME, name } })));
    expect(made.map(({ status }) => status)).to.deep.equal([201, 201, 201]);
    const slugs = made.map(({ body }) => body.slug);
    expect(new Set(slugs).size).to.equal(3);
    for (const slug of slugs) expect(slug).to.match(/^clinique-etoile-t-[a-z0-9-]+$/);
  });

  it('are refused for what no tenant is', async () => {
    const { as } = await operator();
    const deep = (levels: number): object => (levels === 0 ? {} : { a: deep(levels - 1) });
    for (const wrong of [
      { name: '\u202e' },
      { slug: 'api' },
      { slug: 'Acme' },
      { type: 'platform' },
      { country: 'gb' },
      { country: 'XX' },
      { config: [] },
      { config: { a: '\u0000' } },
      { config: deep(LIMITS.tenantConfigDepth) },
      { config: { a: 'x'.repeat(LIMITS.tenantConfigBytes) } },
      { status: 'suspended' },
    ])
      expect([wrong, (await as('POST', TENANTS, { body: { ...ACME, ...wrong } })).status]).to.deep.equal([wrong, 400]);
    const slug = aSlug();
    expect((await as('POST', TENANTS, { body: { ...ACME, slug } })).status).to.equal(201);
    expect((await as('POST', TENANTS, { body: { ...ACME, slug } })).body.error).to.equal('IDENT_SLUG_DUPLICATE');
  });

  it('are listed for operators alone, by type, status and words', async () => {
    const [{ as }, admin] = [await operator(), await signIn()];
    const name = `Zz ${aSlug()}`;
    for (const type of ['customer', 'internal', 'internal'])
      await as('POST', TENANTS, { body: { ...ACME, name, type } });
    const list = async (query: string) =>
      (await as('GET', `${TENANTS}?search=${encodeURIComponent(name)}&${query}`)).body;
    expect(await list('pageSize=2')).to.include({ total: 3, page: 1, pageSize: 2 });
    expect((await list('type=internal')).total).to.equal(2);
    expect((await list('status=suspended')).total).to.equal(0);
    expect((await list('type=customer')).data[0]).to.include({ name, userCount: 0 });
    expect((await admin.as('GET', TENANTS)).status).to.equal(403);
    expect((await as('GET', `${TENANTS}?status=gone`)).status).to.equal(400);
  });

  it('count their users without those who are gone', async () => {
    const owner = await signIn();
    const { services } = owner.house;
    const people = await Promise.all([1, 2, 3].map(() => aPerson(node(), owner.site, [])));
    const count = async () => (await owner.as('GET', pathOf(owner))).body.userCount;
    expect(await count()).to.equal(4);
    await services.users.suspend(owner.site.call, people[0]!.id);
    expect(await count()).to.equal(4);
    await services.users.deactivate(owner.site.call, people[0]!.id);
    expect(await count()).to.equal(3);
  });

  it('are seen and changed by their own administrators, and by no others', async () => {
    const [owner, other] = [await signIn(), await signIn()];
    const changed = await owner.as('PATCH', pathOf(owner), {
      body: { name: 'North', country: 'FR', config: { a: 1 } },
    });
    expect(changed.body).to.deep.include({ name: 'North', country: 'FR', config: { a: 1 } });
    expect((await owner.as('PATCH', pathOf(owner), { body: { country: null } })).body.country).to.equal(null);
    for (const method of ['GET', 'PATCH'] as const) {
      const [foreign, absent] = await Promise.all(
        [pathOf(other), `${TENANTS}/${tenantIds.encode(newId())}`].map((path) =>
          owner.as(method, path, method === 'PATCH' ? { body: { name: 'Mine', status: 'suspended' } } : {}),
        ),
      );
      expect([foreign!.status, foreign!.body.error]).to.deep.equal([404, absent!.body.error]);
    }
  });

  it('leave slug, type and status to operators', async () => {
    const owner = await signIn();
    const before = (await owner.as('GET', pathOf(owner))).body;
    for (const body of [
      { slug: aSlug() },
      { type: 'internal' },
      { status: 'suspended' },
      { status: 'active', name: 'X' },
    ])
      expect((await owner.as('PATCH', pathOf(owner), { body })).body.error).to.equal('IDENT_FORBIDDEN');
    for (const method of ['DELETE', 'POST'] as const)
      expect((await owner.as(method, `${pathOf(owner)}${method === 'POST' ? '/restore' : ''}`)).status).to.equal(403);
    expect((await owner.as('GET', pathOf(owner))).body).to.deep.equal(before);
  });

  it('lose no change to one that was made of something older', async () => {
    const owner = await signIn();
    const etag = (await owner.as('GET', pathOf(owner))).headers.get('etag')!;
    const change = (name: string) =>
      owner.as('PATCH', pathOf(owner), { body: { name }, headers: { 'if-match': etag } });
    expect((await Promise.all([change('A'), change('B')])).map(({ status }) => status).sort()).to.deep.equal([
      200, 412,
    ]);
  });

  it('end at once on every node when they are suspended, and come back', async () => {
    const [owner, { as }] = [await signIn(), await operator()];
    const there = await startNode({
      publicUrl: node().url,
      settings: { RATE_LIMITS: 'false', TRUSTED_PROXIES: '127.0.0.0/8' },
    });
    try {
      const { authorization } = { authorization: `Bearer ${owner.tokens.accessToken}` };
      const elsewhere = async () =>
        (await sender(() => there.port)('GET', '/api/v1/me', { headers: { authorization } })).status;
      expect([(await owner.as('GET', '/api/v1/me')).status, await elsewhere()]).to.deep.equal([200, 200]);
      const shut = await as('PATCH', pathOf(owner), { body: { status: 'suspended', name: 'Shut' } });
      expect(shut.body).to.include({ status: 'suspended', name: 'Shut' });
      expect([(await owner.as('GET', '/api/v1/me')).status, await elsewhere()]).to.deep.equal([401, 401]);
      expect(await found(owner.site.slug)).to.equal(404);
      expect((await as('GET', pathOf(owner))).body.status).to.equal('suspended');
      expect((await as('PATCH', pathOf(owner), { body: { status: 'active' } })).body.status).to.equal('active');
      expect(await found(owner.site.slug)).to.equal(200);
      expect((await auditOf(owner.site.call)).filter((action) => action.startsWith('tenant.'))).to.deep.equal([
        'tenant.created',
        'tenant.suspended',
        'tenant.reactivated',
      ]);
    } finally {
      await there.stop();
    }
  });

  it('move with their slug, which nobody gets again', async () => {
    const [owner, { as }] = [await signIn(), await operator()];
    const [old, slug] = [owner.site.slug, aSlug()];
    expect((await as('PATCH', pathOf(owner), { body: { slug } })).body.slug).to.equal(slug);
    expect([await found(old), await found(slug)]).to.deep.equal([404, 200]);
    expect((await owner.as('GET', '/api/v1/me')).status).to.equal(401);
    expect((await as('POST', TENANTS, { body: { ...ACME, slug: old } })).body.error).to.equal('IDENT_SLUG_DUPLICATE');
    const other = `${TENANTS}/${await aTenantBy(as)}`;
    for (const taken of [old, slug])
      expect((await as('PATCH', other, { body: { slug: taken } })).body.error).to.equal('IDENT_SLUG_DUPLICATE');
    expect((await as('PATCH', other, { body: { slug: 'api' } })).status).to.equal(400);
  });

  it('refuse everything once they are deleted, and are restored as they were', async () => {
    const [owner, { as, site }] = [await signIn(), await operator()];
    const path = pathOf(owner);
    expect((await as('DELETE', path)).status).to.equal(204);
    expect((await owner.as('GET', '/api/v1/me')).status).to.equal(401);
    expect(await found(owner.site.slug)).to.equal(404);
    for (const [method, body] of [['GET'], ['PATCH', { name: 'X' }], ['DELETE']] as const)
      expect((await as(method, path, body ? { body } : {})).body.error).to.equal('IDENT_TENANT_NOT_FOUND');
    const login = { body: { email: owner.site.email, password: 'correct horse battery staple' } };
    expect((await v1.stranger()('POST', '/api/v1/auth/login', login)).status).to.equal(401);
    expect((await as('POST', TENANTS, { body: { ...ACME, slug: owner.site.slug } })).status).to.equal(409);
    const listed = async (query: string) =>
      (await as('GET', `${TENANTS}?search=${owner.site.slug}${query}`)).body.data.map(({ id }: { id: string }) => id);
    expect([await listed(''), await listed('&status=deleted')]).to.deep.equal([[], [owner.tokens.user.tenantId]]);

    const back = await as('POST', `${path}/restore`);
    expect(back.body).to.include({ status: 'active', deletedAt: null, userCount: 1 });
    expect((await as('POST', `${path}/restore`)).status).to.equal(200);
    expect((await v1.stranger()('POST', '/api/v1/auth/login', login)).status).to.equal(200);
    expect((await auditOf(owner.site.call)).filter((action) => /deleted|restored/.test(action))).to.deep.equal([
      'tenant.deleted',
      'tenant.restored',
    ]);
    await as('PATCH', path, { body: { status: 'suspended' } });
    await as('DELETE', path);
    expect((await as('POST', `${path}/restore`)).body.status).to.equal('suspended');
    expect(await auditOf(site.call)).to.include.members(['tenant.deleted', 'tenant.restored', 'tenant.suspended']);
  });

  it('have one among them that can be neither shut, deleted nor moved: the platform', async () => {
    const boss = await operator();
    for (const body of [{ status: 'suspended' }, { slug: aSlug() }])
      expect((await boss.as('PATCH', pathOf(boss), { body })).status).to.equal(409);
    expect((await boss.as('PATCH', pathOf(boss), { body: { type: 'customer' } })).status).to.equal(400);
    expect((await boss.as('DELETE', pathOf(boss))).status).to.equal(409);
    expect((await boss.as('GET', pathOf(boss))).body).to.include({ type: 'platform', status: 'active' });
  });

  it('are made once by a request that comes twice', async () => {
    const { as } = await operator();
    const request = { body: { ...ACME, slug: aSlug() }, headers: { 'idempotency-key': newId() } };
    const both = await Promise.all([as('POST', TENANTS, request), as('POST', TENANTS, request)]);
    expect(both.map(({ status }) => status)).to.deep.equal([201, 201]);
    expect(both[0]!.text).to.equal(both[1]!.text);
  });
});
