import { expect } from 'chai';
import { roleIds, userIds } from '../../../src/api/v1/ids.ts';
import { PERMISSIONS, SYSTEM_ROLES } from '../../../src/domain/access/role.ts';
import { newId } from '../../../src/kernel/ids.ts';
import type { Send } from '../../support/api.ts';
import { aColleague, aPerson } from '../../support/colleagues.ts';
import { auditOf } from '../../support/rooms.ts';
import { servingV1 } from '../../support/v1.ts';

const ROLES = '/api/v1/roles';
const PERMISSIONS_PATH = '/api/v1/permissions';

async function made(as: Send, name: string, permissions: readonly string[]): Promise<string> {
  const answer = await as('POST', ROLES, { body: { name, displayName: name, permissions } });
  expect(answer.status, answer.text).to.equal(201);
  return answer.body.id;
}

describe('roles over v1', () => {
  const v1 = servingV1();
  const { signIn, node } = v1;

  it('are made, seen, changed and removed', async () => {
    const { as } = await signIn();
    const { body } = await as('POST', ROLES, {
      body: {
        name: 'nurse',
        displayName: 'Nurse',
        category: 'care',
        permissions: ['ward.beds:read', 'iam.users:read'],
      },
    });
    expect(body).to.deep.include({
      name: 'nurse',
      category: 'care',
      description: null,
      system: false,
      permissions: ['iam.users:read', 'ward.beds:read'],
    });
    const changed = await as('PATCH', `${ROLES}/${body.id}`, { body: { description: 'Cares', permissions: [] } });
    expect(changed.body).to.deep.include({ id: body.id, description: 'Cares', displayName: 'Nurse', permissions: [] });
    expect((await as('GET', `${ROLES}?category=care&search=NUR`)).body.data).to.deep.equal([changed.body]);
    expect((await as('DELETE', `${ROLES}/${body.id}`)).status).to.equal(204);
    expect((await as('GET', `${ROLES}/${body.id}`)).body.error).to.equal('IDENT_ROLE_NOT_FOUND');
    expect((await as('GET', `${ROLES}/${roleIds.encode(newId())}`)).status).to.equal(404);
  });

  it('of the system show what they allow, and are neither changed, removed nor made again', async () => {
    const { as } = await signIn();
    const { data, total } = (await as('GET', ROLES)).body;
    expect(data.map(({ name }: { name: string }) => name)).to.deep.equal(['AUDITOR', 'TENANT_ADMIN', 'USER_ADMIN']);
    expect([total, data[1].permissions]).to.deep.equal([3, [...SYSTEM_ROLES.TENANT_ADMIN.permissions].sort()]);
    for (const { id } of data) {
      for (const body of [{ displayName: 'Mine' }, { permissions: ['iam.users:read'] }, {}])
        expect((await as('PATCH', `${ROLES}/${id}`, { body })).body.error).to.equal('IDENT_ROLE_SYSTEM');
      expect((await as('DELETE', `${ROLES}/${id}`)).body.error).to.equal('IDENT_ROLE_SYSTEM');
    }
    for (const name of ['SUPER_ADMIN', 'TENANT_ADMIN', 'super_admin', 'Auditor'])
      expect((await as('POST', ROLES, { body: { name, displayName: name } })).body.error).to.equal('IDENT_ROLE_SYSTEM');
    expect((await as('PATCH', `${ROLES}/${data[0].id}`, { body: { name: 'Mine' } })).status).to.equal(400);
  });

  it('never allow more than who makes, changes or removes them holds', async () => {
    const { as, site } = await signIn();
    const inner = await made(as, 'inner', ['ward.beds:read']);
    await made(as, 'clerk', ['iam.roles:write', 'iam.roles:read', 'iam.users:read']);
    const clerk = await aColleague(v1, site, ['clerk']);
    const errorOf = async (method: string, path: string, body?: object) =>
      (await clerk.as(method, path, body ? { body } : {})).body?.error;

    for (const permission of ['iam.users:delete', 'iam.tenants:write', 'ward.beds:read']) {
      const body = { name: 'mine', displayName: 'Mine', permissions: [permission] };
      expect(await errorOf('POST', ROLES, body)).to.equal('IDENT_PRIVILEGE_ESCALATION');
    }
    for (const permission of [
      '*',
      'iam.*',
      'iam.users:*',
      'IAM.USERS:READ',
      'iam.users:read ',
      ' iam.users:read',
      '',
    ]) {
      const body = { name: 'mine', displayName: 'Mine', permissions: [permission] };
      expect(await errorOf('POST', ROLES, body), permission).to.equal('IDENT_VALIDATION');
    }
    const { data } = (await as('GET', `${ROLES}?search=clerk`)).body;
    const more = { permissions: [...data[0].permissions, 'iam.users:delete'] };
    expect(await errorOf('PATCH', `${ROLES}/${data[0].id}`, more)).to.equal('IDENT_PRIVILEGE_ESCALATION');
    expect(await errorOf('PATCH', `${ROLES}/${inner}`, { permissions: [] })).to.equal('IDENT_PRIVILEGE_ESCALATION');
    expect(await errorOf('DELETE', `${ROLES}/${inner}`)).to.equal('IDENT_PRIVILEGE_ESCALATION');
    expect(await errorOf('PATCH', `${ROLES}/${inner}`, { displayName: 'Inner' })).to.equal(undefined);
  });

  it('leave a line in the audit trail for each try to take more', async () => {
    const { as, site } = await signIn();
    await made(as, 'clerk', ['iam.roles:write']);
    const clerk = await aColleague(v1, site, ['clerk']);
    const body = { name: 'mine', displayName: 'Mine', permissions: ['iam.users:delete'] };
    for (const headers of [{}, { 'idempotency-key': 'mine' }]) {
      const before = (await auditOf(site.call)).length;
      expect((await clerk.as('POST', ROLES, { body, headers })).status).to.equal(403);
      expect((await auditOf(site.call)).slice(before)).to.deep.equal(['access.refused']);
    }
  });

  it('lose no change to one that was made of something older', async () => {
    const { as } = await signIn();
    const at = `${ROLES}/${await made(as, 'nurse', ['ward.beds:read'])}`;
    const etag = (await as('GET', at)).headers.get('etag')!;
    const change = (permissions: string[]) => as('PATCH', at, { body: { permissions }, headers: { 'if-match': etag } });
    const both = await Promise.all([change(['ward.beds:write']), change([])]);
    expect(both.map(({ status }) => status).sort()).to.deep.equal([200, 412]);
    expect((await as('DELETE', at, { headers: { 'if-match': etag } })).status).to.equal(412);
  });

  it('are felt at the next request of who has them', async () => {
    const { as, site } = await signIn();
    const id = await made(as, 'reader', ['iam.nodes:read']);
    const reader = await aColleague(v1, site, ['reader']);
    const statusOf = async () => (await reader.as('GET', '/api/v1/nodes')).status;
    expect(await statusOf()).to.equal(200);
    await as('PATCH', `${ROLES}/${id}`, { body: { permissions: [] } });
    expect(await statusOf()).to.equal(403);
    await as('PATCH', `${ROLES}/${id}`, { body: { permissions: ['iam.nodes:read'] } });
    expect(await statusOf()).to.equal(200);
    await as('DELETE', `${ROLES}/${id}`);
    expect(await statusOf()).to.equal(403);
  });

  describe('the roles of a user', () => {
    const rolesOf = (id: string) => `/api/v1/users/${id}/roles`;

    it('are exactly those that were set', async () => {
      const { as, site } = await signIn();
      await made(as, 'nurse', ['ward.beds:read']);
      const id = userIds.encode((await aPerson(node(), site, ['AUDITOR'])).id);
      const put = (roles: readonly string[]) => as('PUT', rolesOf(id), { body: { roles } });
      const names = (answer: { body: { data: { name: string }[] } }) => answer.body.data.map(({ name }) => name);
      expect(names(await as('GET', rolesOf(id)))).to.deep.equal(['AUDITOR']);
      expect(names(await put(['nurse', 'USER_ADMIN']))).to.deep.equal(['USER_ADMIN', 'nurse']);
      expect(names(await put([]))).to.deep.equal([]);
      expect((await put(['nobody'])).body.error).to.equal('IDENT_ROLE_NOT_FOUND');
      expect((await put(['SUPER_ADMIN'])).body.error).to.equal('IDENT_ROLE_NOT_FOUND');
      const foreign = (await signIn()).tokens.user.id;
      for (const absent of [foreign, userIds.encode(newId())])
        expect((await as('GET', rolesOf(absent))).body.error).to.equal('IDENT_USER_NOT_FOUND');
    });

    it('are given by nobody who does not hold them, not even to themselves', async () => {
      const { as, site } = await signIn();
      await made(as, 'clerk', ['iam.roles:write', 'iam.roles:read']);
      const clerk = await aColleague(v1, site, ['clerk']);
      const other = userIds.encode((await aPerson(node(), site, [])).id);
      for (const id of [clerk.id, other]) {
        const { body } = await clerk.as('PUT', rolesOf(id), { body: { roles: ['clerk', 'TENANT_ADMIN'] } });
        expect(body.error).to.equal('IDENT_PRIVILEGE_ESCALATION');
      }
      expect((await clerk.as('PUT', rolesOf(other), { body: { roles: ['clerk'] } })).status).to.equal(200);
      const userAdmin = await aColleague(v1, site, ['USER_ADMIN']);
      expect((await userAdmin.as('PUT', rolesOf(other), { body: { roles: [] } })).status).to.equal(403);
    });

    it('leave an administrator, whatever comes', async () => {
      const { as, tokens } = await signIn();
      const { body } = await as('PUT', rolesOf(tokens.user.id), { body: { roles: ['AUDITOR'] } });
      expect(body.error).to.equal('IDENT_LAST_ADMIN');
    });
  });

  describe('permissions', () => {
    it('are those of Gatehouse and the tenant’s own', async () => {
      const { as } = await signIn();
      const own = await as('POST', PERMISSIONS_PATH, { body: { name: 'ward.beds:write', description: 'Beds' } });
      expect(own.status).to.equal(201);
      await made(as, 'nurse', ['ward.beds:read']);
      const { data, total } = (await as('GET', `${PERMISSIONS_PATH}?pageSize=100`)).body;
      expect(total).to.equal(PERMISSIONS.length + 2);
      expect(data.slice(-2)).to.deep.include(own.body);
      expect((await as('GET', `${PERMISSIONS_PATH}?search=ward`)).body.total).to.equal(2);
      for (const [name, error] of [
        ['ward.beds:write', 'IDENT_PERMISSION_DUPLICATE'],
        ['iam.users:read', 'IDENT_PERMISSION_SYSTEM'],
        ['ward.*:read', 'IDENT_VALIDATION'],
      ])
        expect((await as('POST', PERMISSIONS_PATH, { body: { name } })).body.error).to.equal(error);
    });

    it('go when no role has them, and those of Gatehouse never', async () => {
      const { as } = await signIn();
      const role = await made(as, 'nurse', ['ward.beds:read']);
      const { data } = (await as('GET', `${PERMISSIONS_PATH}?search=ward`)).body;
      const at = `${PERMISSIONS_PATH}/${data[0].id}`;
      const refused = await as('DELETE', at);
      expect([refused.status, refused.body.error, refused.body.roles]).to.deep.equal([
        409,
        'IDENT_PERMISSION_IN_USE',
        ['nurse'],
      ]);
      await as('DELETE', `${ROLES}/${role}`);
      expect((await as('DELETE', at)).status).to.equal(204);
      expect((await as('DELETE', at)).body.error).to.equal('IDENT_PERMISSION_NOT_FOUND');
      const ours = (await as('GET', `${PERMISSIONS_PATH}?search=iam.users`)).body.data[0];
      expect((await as('DELETE', `${PERMISSIONS_PATH}/${ours.id}`)).body.error).to.equal('IDENT_PERMISSION_SYSTEM');
    });
  });
});
