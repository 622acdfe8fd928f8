import { expect } from 'chai';
import { SYSTEM_ROLES } from '../../../src/domain/access/role.ts';
import type { UserId } from '../../../src/kernel/ids.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { expectFailure } from '../../support/expect.ts';
import { actor, as, aTenant, aUser, auditOf, rooms } from '../../support/rooms.ts';

describe('the roles of a user', () => {
  it('are exactly those that were set, and say what the user may do', async () => {
    const call = await aTenant();
    const { access } = rooms();
    await access.createRole(call, { name: 'nurse', permissions: ['ward.beds:read'] });
    const ann = await aUser(call, { roles: ['AUDITOR'] });

    await access.setUserRoles(call, ann, ['nurse', 'USER_ADMIN', 'nurse']);
    await access.setUserRoles(call, ann, ['USER_ADMIN', 'nurse']);

    expect((await access.rolesOf(call, ann)).map(({ name }) => name)).to.deep.equal(['USER_ADMIN', 'nurse']);
    expect((await access.accessOf(call, ann)).permissions).to.deep.equal(
      [...SYSTEM_ROLES.USER_ADMIN.permissions, 'ward.beds:read'].sort(),
    );
    expect((await auditOf(call)).filter((action) => action === 'user.roles_changed')).to.have.lengthOf(1);
  });

  it('are roles and users of this tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const { access } = rooms();
    const ann = await aUser(call);
    await access.createRole(other, { name: 'nurse', permissions: ['ward.beds:read'] });

    await expectFailure('role_not_found', access.setUserRoles(call, ann, ['nurse']));
    await expectFailure('role_not_found', access.setUserRoles(call, ann, ['SUPER_ADMIN']));
    await expectFailure('user_not_found', access.setUserRoles(other, ann, ['nurse']));
    await expectFailure('user_not_found', access.setUserRoles(call, newId<UserId>(), []));
    expect(await access.accessOf(other, ann)).to.deep.equal({ roles: [], permissions: [] });
  });

  it('are neither given nor taken by one who does not hold what they allow', async () => {
    const call = await aTenant();
    const { access } = rooms();
    const [ann, bob] = [await aUser(call), await aUser(call, { roles: ['TENANT_ADMIN'] })];
    await aUser(call, { roles: ['TENANT_ADMIN'] });
    const clerk = as(call, actor(['iam.roles:write', ...SYSTEM_ROLES.USER_ADMIN.permissions]));

    await expectFailure('privilege_escalation', access.setUserRoles(clerk, ann, ['TENANT_ADMIN']));
    await expectFailure('privilege_escalation', access.setUserRoles(clerk, bob, []));
    await access.setUserRoles(clerk, ann, ['USER_ADMIN']);
    expect(await access.accessOf(call, ann)).to.deep.include({ roles: ['USER_ADMIN'] });
  });
});

describe('a role', () => {
  it('is made once by name', async () => {
    const call = await aTenant();
    const { access } = rooms();
    await access.createRole(call, { name: 'nurse', permissions: [] });
    await expectFailure('role_taken', access.createRole(call, { name: 'nurse', permissions: [] }));
  });

  it('never allows more than its maker holds, neither at first nor later', async () => {
    const call = await aTenant();
    const { access } = rooms();
    const clerk = as(call, actor(['iam.roles:write', 'iam.users:read']));

    await expectFailure(
      'privilege_escalation',
      access.createRole(clerk, { name: 'clerk', permissions: ['iam.users:delete'] }),
    );
    const role = await access.createRole(clerk, { name: 'clerk', permissions: ['iam.users:read'] });
    await expectFailure(
      'privilege_escalation',
      access.updateRole(clerk, role.id, { permissions: ['iam.users:read', 'iam.users:delete'] }),
    );
    expect((await access.get(call, role.id)).permissions).to.deep.equal(['iam.users:read']);
  });

  it('that was removed is lost by those who had it', async () => {
    const call = await aTenant();
    const { access } = rooms();
    const role = await access.createRole(call, { name: 'nurse', permissions: ['ward.beds:read'] });
    const ann = await aUser(call, { roles: ['nurse'] });

    await access.removeRole(call, role.id);
    expect(await access.accessOf(call, ann)).to.deep.equal({ roles: [], permissions: [] });
    await expectFailure('role_not_found', access.removeRole(call, role.id));
  });

  it('of another tenant is not there', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const { access } = rooms();
    const { id } = await access.createRole(call, { name: 'nurse' });
    await expectFailure('role_not_found', access.get(other, id));
    await expectFailure('role_not_found', access.updateRole(other, id, { displayName: 'X' }));
    await expectFailure('role_not_found', access.removeRole(other, id));
  });

  it('of the system can be neither changed nor removed', async () => {
    const call = await aTenant();
    const { access } = rooms();
    const [auditor] = (await access.list(call)).items;
    await expectFailure('role_system', access.updateRole(call, auditor!.id, { permissions: ['iam.users:delete'] }));
    await expectFailure('role_system', access.removeRole(call, auditor!.id));
  });
});
