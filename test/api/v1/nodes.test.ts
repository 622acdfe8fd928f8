import { expect } from 'chai';
import { nodeIds, tenantIds, userIds } from '../../../src/api/v1/ids.ts';
import { newId } from '../../../src/kernel/ids.ts';
import type { Send } from '../../support/api.ts';
import { aColleague, aPerson } from '../../support/colleagues.ts';
import { servingV1 } from '../../support/v1.ts';

const NODES = '/api/v1/nodes';

async function made(as: Send, body: object): Promise<string> {
  const answer = await as('POST', NODES, { body: { type: 'organization', ...body } });
  expect(answer.status, answer.text).to.equal(201);
  return answer.body.id;
}

describe('the organisation tree over v1', () => {
  const v1 = servingV1();
  const { signIn, node } = v1;

  it('has the tenant as its root, and grows from there', async () => {
    const { as, tokens } = await signIn();
    const { body } = await as('POST', NODES, {
      body: { type: 'organization', name: 'North Clinic', legalName: 'North Ltd.', country: 'GB' },
    });
    expect(body).to.deep.include({
      type: 'organization',
      name: 'North Clinic',
      legalName: 'North Ltd.',
      country: 'GB',
      status: 'active',
      parentId: tokens.user.tenantId.replace('ten_', 'nod_'),
    });
    const ward = await made(as, { type: 'department', name: 'Ward', parentId: body.id });
    expect((await as('GET', `${NODES}/${ward}`)).body).to.include({ id: ward, parentId: body.id, legalName: null });
    expect((await as('GET', `${NODES}/${body.parentId}`)).body).to.include({ type: 'tenant', parentId: null });
  });

  it('is listed in pages, filtered and searched', async () => {
    const { as } = await signIn();
    const north = await made(as, { name: 'North' });
    for (const name of ['B ward', 'A ward', 'C ward']) await made(as, { type: 'department', name, parentId: north });
    const page = (await as('GET', `${NODES}?parentId=${north}&pageSize=2&page=2`)).body;
    expect([page.data.map(({ name }: { name: string }) => name), page.total]).to.deep.equal([['C ward'], 3]);
    expect(page).to.include({ page: 2, pageSize: 2 });
    expect((await as('GET', `${NODES}?type=department&search=b%20WARD`)).body.total).to.equal(1);
    expect((await as('GET', `${NODES}?status=archived`)).body.total).to.equal(0);
    for (const query of ['page=0', 'pageSize=101', 'search=x', 'type=ward', `parentId=${'x'.repeat(30)}`, 'levels=1'])
      expect((await as('GET', `${NODES}?${query}`)).status, query).to.equal(400);
    expect((await as('GET', `${NODES}?parentId=${nodeIds.encode(newId())}`)).body.error).to.equal(
      'IDENT_NODE_NOT_FOUND',
    );
  });

  it('is seen as a tree', async () => {
    const { as, site } = await signIn();
    const north = await made(as, { name: 'North' });
    const ward = await made(as, { type: 'department', name: 'Ward', parentId: north });
    await made(as, { type: 'team', name: 'Night', parentId: ward });
    const { body } = await as('GET', `${NODES}?view=tree`);
    expect(body.complete).to.equal(true);
    expect(body.data[0]).to.include({ type: 'tenant', name: `Tenant ${site.slug}` });
    expect(body.data[0].children[0].children[0].children[0]).to.include({ name: 'Night', type: 'team' });
    const part = (await as('GET', `${NODES}?view=tree&parentId=${north}&levels=1`)).body.data[0];
    expect(part.children.map(({ children }: { children: object[] }) => children)).to.deep.equal([[]]);
    expect((await as('GET', `${NODES}?view=tree&search=ward`)).status).to.equal(400);
  });

  it('is changed, moved and archived node by node', async () => {
    const { as } = await signIn();
    const [north, south] = [await made(as, { name: 'North' }), await made(as, { name: 'South' })];
    const ward = await made(as, { type: 'department', name: 'Ward', parentId: north });
    const change = async (id: string, body: object) => {
      const answer = await as('PATCH', `${NODES}/${id}`, { body });
      return answer.body.error ?? answer.body;
    };
    expect(await change(ward, { parentId: south, name: 'Ward 1' })).to.include({ parentId: south, name: 'Ward 1' });
    expect(await change(ward, { parentId: null })).to.include({ type: 'department', name: 'Ward 1' });
    expect(await change(ward, { parentId: south })).to.include({ parentId: south });
    expect(await change(south, { parentId: ward })).to.equal('IDENT_NODE_NESTING');
    expect(await change(north, { parentId: north })).to.equal('IDENT_NODE_CYCLE');
    expect(await change(south, { name: 'NORTH' })).to.equal('IDENT_NODE_DUPLICATE');
    expect(await change(ward, { type: 'team' })).to.equal('IDENT_VALIDATION');
    expect(await change(north, { status: 'archived' })).to.include({ status: 'archived' });
    expect(await change(ward, { parentId: north })).to.equal('IDENT_NODE_ARCHIVED');
  });

  it('loses a node that is empty, or a whole branch where that is asked', async () => {
    const { as } = await signIn();
    const north = await made(as, { name: 'North' });
    await made(as, { type: 'department', name: 'Ward', parentId: north });
    expect((await as('DELETE', `${NODES}/${north}`)).body.error).to.equal('IDENT_NODE_NOT_EMPTY');
    expect((await as('DELETE', `${NODES}/${north}?subtree=maybe`)).status).to.equal(400);
    expect((await as('DELETE', `${NODES}/${north}?subtree=true`)).status).to.equal(204);
    expect((await as('GET', `${NODES}/${north}`)).status).to.equal(404);
    const { body } = await as('GET', `${NODES}?type=tenant`);
    expect((await as('DELETE', `${NODES}/${body.data[0].id}?subtree=true`)).body.error).to.equal('IDENT_NODE_ROOT');
  });

  it('loses no change to one that was made of something older', async () => {
    const { as } = await signIn();
    const first = await as('POST', NODES, {
      body: { type: 'team', name: 'Day' },
      headers: { 'idempotency-key': 'n1' },
    });
    const again = await as('POST', NODES, {
      body: { type: 'team', name: 'Day' },
      headers: { 'idempotency-key': 'n1' },
    });
    expect([again.status, again.text, again.headers.get('idempotency-replayed')]).to.deep.equal([
      201,
      first.text,
      'true',
    ]);
    const at = first.headers.get('location')!;
    expect(at).to.equal(`${NODES}/${first.body.id}`);
    const etag = first.headers.get('etag')!;
    const change = (name: string) => as('PATCH', at, { body: { name }, headers: { 'if-match': etag } });
    const both = await Promise.all([change('Night'), change('Noon')]);
    expect(both.map(({ status }) => status).sort()).to.deep.equal([200, 412]);
    expect((await as('DELETE', at, { headers: { 'if-match': etag } })).body.error).to.equal(
      'IDENT_PRECONDITION_FAILED',
    );
    const { headers } = await as('GET', at);
    expect((await as('DELETE', at, { headers: { 'if-match': headers.get('etag')! } })).status).to.equal(204);
  });

  it('is read by who may read it, and changed by who may change it', async () => {
    const { as, site } = await signIn();
    const north = await made(as, { name: 'North' });
    const auditor = await aColleague(v1, site, ['AUDITOR']);
    expect((await auditor.as('GET', NODES)).status).to.equal(200);
    expect((await auditor.as('PATCH', `${NODES}/${north}`, { body: { name: 'Mine' } })).status).to.equal(403);
    const nobody = await aColleague(v1, site, []);
    expect((await nobody.as('GET', NODES)).status).to.equal(403);
  });

  it('takes nothing of another tenant, whatever a body names', async () => {
    const [mine, theirs] = [await signIn(), await signIn()];
    const foreign = await made(theirs.as, { name: 'Theirs' });
    const own = await made(mine.as, { name: 'Mine' });
    const body = { type: 'team', name: 'Team', parentId: foreign };
    expect((await mine.as('POST', NODES, { body })).body.error).to.equal('IDENT_NODE_NOT_FOUND');
    const moved = await mine.as('PATCH', `${NODES}/${own}`, { body: { parentId: foreign } });
    expect(moved.body.error).to.equal('IDENT_NODE_NOT_FOUND');
    const root = tenantIds.encode(theirs.site.tenantId).replace('ten_', 'nod_');
    expect((await mine.as('GET', `${NODES}/${root}`)).status).to.equal(404);
    expect((await mine.as('GET', NODES)).text).not.to.include('Theirs');
  });

  describe('its members', () => {
    it('have roles there, and are shown with who they are', async () => {
      const { as, site } = await signIn();
      await as('POST', '/api/v1/roles', {
        body: { name: 'nurse', displayName: 'Nurse', permissions: ['ward.beds:read'] },
      });
      const north = await made(as, { name: 'North' });
      const person = await aPerson(node(), site, []);
      const at = `${NODES}/${north}/members/${userIds.encode(person.id)}`;
      const first = await as('PUT', at, { body: { roles: ['nurse'] } });
      const again = await as('PUT', at, { body: { roles: ['nurse'] } });
      expect([first.status, again.status, again.body]).to.deep.equal([200, 200, first.body]);
      expect(first.body).to.deep.include({ nodeId: north, roles: ['nurse'] });
      expect(first.body.user).to.include({ email: person.email, status: 'active' });
      expect((await as('GET', `${NODES}/${north}/members`)).body).to.deep.include({ data: [first.body], total: 1 });
      expect((await as('DELETE', at)).status).to.equal(204);
      expect((await as('DELETE', at)).body.error).to.equal('IDENT_MEMBER_NOT_FOUND');
    });

    it('are users and roles that there are', async () => {
      const [{ as, site }, theirs] = [await signIn(), await signIn()];
      const north = await made(as, { name: 'North' });
      const person = await aPerson(node(), site, []);
      const put = async (userId: string, roles: unknown) =>
        (await as('PUT', `${NODES}/${north}/members/${userId}`, { body: { roles } })).body.error;
      expect(await put(theirs.tokens.user.id, [])).to.equal('IDENT_USER_NOT_FOUND');
      expect(await put(userIds.encode(person.id), ['nurse'])).to.equal('IDENT_ROLE_NOT_FOUND');
      expect(await put(userIds.encode(person.id), ['SUPER_ADMIN'])).to.equal('IDENT_ROLE_NOT_FOUND');
      expect(await put(userIds.encode(person.id), 'nurse')).to.equal('IDENT_VALIDATION');
      await node().house.services.users.deactivate(site.call, person.id);
      expect(await put(userIds.encode(person.id), [])).to.equal('IDENT_USER_DEACTIVATED');
    });

    it('gain nothing in the tenant by what they may do at a node', async () => {
      const { as, site } = await signIn();
      const north = await made(as, { name: 'North' });
      const ann = await aColleague(v1, site, []);
      await as('PUT', `${NODES}/${north}/members/${ann.id}`, { body: { roles: ['TENANT_ADMIN'] } });
      expect((await ann.as('GET', NODES)).status).to.equal(403);
      expect((await ann.as('GET', '/api/v1/me/access-context')).body).to.deep.equal({
        roles: [],
        permissions: [],
        memberships: [{ nodeId: north, nodeType: 'organization', name: 'North', roles: ['TENANT_ADMIN'] }],
        effectiveModules: [],
      });
    });
  });
});
