import { expect } from 'chai';
import { SYSTEM_PERMISSIONS } from '../../../src/domain/access/permission.ts';
import { PERMISSIONS } from '../../../src/domain/access/role.ts';
import { inTransaction } from '../../../src/kernel/call.ts';
import { isUuid, newId, type PermissionId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { expectFailure } from '../../support/expect.ts';
import { whileUncommitted } from '../../support/race.ts';
import { actor, as, aTenant, auditOf, rooms } from '../../support/rooms.ts';

const access = () => rooms().access;
const named = async (call: Parameters<ReturnType<typeof access>['listPermissions']>[0], search: string) =>
  (await access().listPermissions(call, { search })).items;

describe('the catalogue of permissions', () => {
  it('begins with those of Gatehouse itself, each under an id that is the same everywhere', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const { items, total } = await access().listPermissions(call, { pageSize: 100 });

    expect(items.map(({ name }) => name)).to.deep.equal([...PERMISSIONS].sort());
    expect(total).to.equal(PERMISSIONS.length);
    expect((await access().listPermissions(other, { pageSize: 100 })).items).to.deep.equal(items);
    expect(new Set(items.map(({ id }) => id)).size).to.equal(items.length);
    expect(items.every(({ id, system, description }) => isUuid(id) && system && description)).to.equal(true);
  });

  it('goes on with the tenant’s own, over the pages', async () => {
    const call = await aTenant();
    for (const name of ['ward.beds:write', 'ward.beds:read']) await access().createPermission(call, { name });

    const own = PERMISSIONS.length + 2;
    const pages = [1, 2, 3, 4].map((page) => access().listPermissions(call, { page, pageSize: 10 }));
    const names = (await Promise.all(pages)).flatMap(({ items }) => items.map(({ name }) => name));
    expect(names).to.deep.equal([...PERMISSIONS.toSorted(), 'ward.beds:read', 'ward.beds:write']);
    expect((await pages[3])!.total).to.equal(own);
    expect((await named(call, 'BEDS:r')).map(({ name }) => name)).to.deep.equal(['ward.beds:read']);
    expect((await named(call, 'signing keys')).map(({ name }) => name)).to.deep.equal([
      'iam.keys:read',
      'iam.keys:rotate',
    ]);
  });

  it('has exact names outside of our own area, each once', async () => {
    const call = await aTenant();
    const make = (name: string) => access().createPermission(call, { name, description: 'Beds' });
    expect(await make('ward_1.beds:read-all')).to.deep.include({ name: 'ward_1.beds:read-all', description: 'Beds' });
    await expectFailure('permission_taken', make('ward_1.beds:read-all'));
    for (const name of ['', 'beds', '*', 'ward.*:read', 'ward.beds:*', 'Ward.beds:read', ' ward.beds:read', 'a:b:c'])
      await expectFailure('invalid_input', make(name));
    for (const name of ['iam.users:read', 'iam.made:up', 'iam:read'])
      await expectFailure('permission_system', make(name));
  });

  it('has what a role names, from the moment it does', async () => {
    const call = await aTenant();
    await access().createRole(call, { name: 'nurse', permissions: ['ward.beds:read', 'iam.users:read'] });
    const role = await access().createRole(call, { name: 'doctor', permissions: ['ward.beds:read'] });
    await access().updateRole(call, role.id, { permissions: ['ward.beds:read', 'ward.beds:write'] });

    expect((await named(call, 'ward.')).map(({ name }) => name)).to.deep.equal(['ward.beds:read', 'ward.beds:write']);
    expect((await auditOf(call)).filter((action) => /^(role|permission)\./.test(action))).to.deep.equal([
      'role.created',
      'role.created',
      'role.updated',
    ]);
  });

  it('lets go of a permission only when no role has it', async () => {
    const call = await aTenant();
    const role = await access().createRole(call, { name: 'nurse', permissions: ['ward.beds:read'] });
    const [permission] = await named(call, 'ward.beds:read');

    expect(await expectFailure('permission_in_use', access().removePermission(call, permission!.id))).to.deep.include({
      roles: ['nurse'],
    });
    await access().updateRole(call, role.id, { permissions: [] });
    await access().removePermission(call, permission!.id);
    await expectFailure('permission_not_found', access().removePermission(call, permission!.id));
    expect(await named(call, 'ward.beds:read')).to.deep.equal([]);
  });

  it('keeps what a role takes up at the moment in which it is removed', async () => {
    const call = await aTenant();
    const { id } = await access().createPermission(call, { name: 'ward.beds:read' });
    const removed = await whileUncommitted(
      pool(),
      (hold) =>
        inTransaction(call, async (tx) => {
          await access().createRole(tx, { name: 'nurse', permissions: ['ward.beds:read'] });
          await hold();
        }),
      () => access().removePermission(call, id),
    );
    expect(removed).to.have.nested.property('reason.code', 'permission_in_use');
  });

  it('has again what a role takes up right after it was removed', async () => {
    const call = await aTenant();
    const { id } = await access().createPermission(call, { name: 'ward.beds:read', description: 'Beds' });
    const made = await whileUncommitted(
      pool(),
      (hold) =>
        inTransaction(call, async (tx) => {
          await access().removePermission(tx, id);
          await hold();
        }),
      () => access().createRole(call, { name: 'nurse', permissions: ['ward.beds:read'] }),
    );
    expect(made.status).to.equal('fulfilled');
    expect((await named(call, 'ward.')).map(({ name, description }) => [name, description])).to.deep.equal([
      ['ward.beds:read', null],
    ]);
  });

  it('is each tenant’s own, and what is ours in it is nobody’s to change', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const { id } = await access().createPermission(call, { name: 'ward.beds:read' });
    await expectFailure('permission_not_found', access().removePermission(other, id));
    await expectFailure('permission_not_found', access().describePermission(other, id, 'X'));
    await expectFailure('permission_not_found', access().removePermission(call, newId<PermissionId>()));
    for (const permission of SYSTEM_PERMISSIONS) {
      await expectFailure('permission_system', access().removePermission(call, permission.id));
      await expectFailure('permission_system', access().describePermission(call, permission.id, 'X'));
    }
    expect(await access().describePermission(call, id, 'Beds')).to.include({ description: 'Beds' });
  });

  it('gives nobody a right by its entries', async () => {
    const call = await aTenant();
    const clerk = as(call, actor(['iam.roles:write']));
    await access().createPermission(clerk, { name: 'ward.beds:read' });
    await expectFailure(
      'privilege_escalation',
      access().createRole(clerk, { name: 'mine', permissions: ['ward.beds:read'] }),
    );
  });

  it('takes names as long as they may be', async () => {
    const call = await aTenant();
    const name = `a:${'b'.repeat(LIMITS.permissionChars - 2)}`;
    expect(await access().createPermission(call, { name })).to.include({ name });
    await expectFailure('invalid_input', access().createPermission(call, { name: `${name}b` }));
  });
});
