import { expect } from 'chai';
import { SYSTEM_ROLES } from '../../../src/domain/access/role.ts';
import { rootOf } from '../../../src/domain/nodes/node.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import type { RoleId, UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { inEmptyDatabase } from '../../support/empty-database.ts';
import { expectFailure } from '../../support/expect.ts';
import { whileUncommitted } from '../../support/race.ts';
import { actor, as, aTenant, aUser, auditOf, operator, rooms } from '../../support/rooms.ts';

const access = () => rooms().access;
const robot = (call: TenantCall) => rooms().clients.create(call, { clientId: 'robot', kind: 'service' });

/** Somebody who manages roles, clients, people and nodes, and holds nothing beyond that. */
const MANAGES = ['iam.roles:write', 'iam.clients:write', 'iam.nodes:write', 'iam.users:update', 'iam.users:read'];
const clerkOf = (call: TenantCall) => as(call, actor(MANAGES));

async function ward(call: TenantCall, permissions = ['ward.beds:read']): Promise<RoleId> {
  return (await access().createRole(call, { name: 'ward', permissions })).id;
}

describe('the roles of a client', () => {
  it('are exactly those that were set, and say what it may do by itself', async () => {
    const call = await aTenant();
    await robot(call);
    await ward(call);

    await access().setClientRoles(call, 'robot', ['AUDITOR']);
    await access().setClientRoles(call, 'robot', ['ward', 'USER_ADMIN', 'ward']);
    await access().setClientRoles(call, 'robot', ['USER_ADMIN', 'ward']);

    expect((await access().rolesOfClient(call, 'robot')).map(({ name }) => name)).to.deep.equal(['USER_ADMIN', 'ward']);
    expect((await access().accessOfClient(call, 'robot')).permissions).to.deep.equal(
      [...SYSTEM_ROLES.USER_ADMIN.permissions, 'ward.beds:read'].sort(),
    );
    expect((await auditOf(call)).filter((action) => action === 'client.roles_changed')).to.have.lengthOf(2);
  });

  it('are roles and clients of this tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    await robot(call);
    await ward(other);
    await expectFailure('role_not_found', access().setClientRoles(call, 'robot', ['ward']));
    await expectFailure('client_not_found', access().setClientRoles(other, 'robot', ['ward']));
    await expectFailure('client_not_found', access().rolesOfClient(other, 'robot'));
    expect(await access().accessOfClient(other, 'robot')).to.deep.equal({ roles: [], permissions: [] });
  });

  it('are for those that act for themselves', async () => {
    const call = await aTenant();
    const spa = { clientId: 'spa', kind: 'spa' as const, redirectUris: ['https://app.example/cb'] };
    await rooms().clients.create(call, spa);
    await expectFailure('client_invalid', access().setClientRoles(call, 'spa', ['AUDITOR']));
    expect(await access().setClientRoles(call, 'spa', [])).to.deep.equal([]);
  });

  it('are never those of an operator, who is a person', () =>
    inEmptyDatabase(async (db) => {
      const there = { ...operator(), db };
      const { tenant } = await rooms().tenants.ensurePlatform(there, { slug: 'platform', name: 'Platform' });
      const call: TenantCall = { ...there, tenantId: tenant.id };
      await robot(call);
      await expectFailure('invalid_input', access().setClientRoles(call, 'robot', ['SUPER_ADMIN']));
      const ann = await aUser(call);
      await expectFailure('invalid_input', rooms().memberships.set(call, rootOf(tenant.id), ann, ['SUPER_ADMIN']));
      await access().setUserRoles(call, ann, ['SUPER_ADMIN']);
    }));

  it('go with the client, and with the role', async () => {
    const call = await aTenant();
    const id = await ward(call);
    await robot(call);
    await access().setClientRoles(call, 'robot', ['ward', 'AUDITOR']);
    await access().removeRole(call, id);
    expect((await access().accessOfClient(call, 'robot')).roles).to.deep.equal(['AUDITOR']);
    await rooms().clients.remove(call, 'robot');
    await robot(call);
    expect((await access().accessOfClient(call, 'robot')).roles).to.deep.equal([]);
  });
});

describe('nobody grants what they do not hold', () => {
  it('by a role of their making, or by adding to one that they have', async () => {
    const call = await aTenant();
    const id = await ward(call, ['iam.users:read']);
    const clerk = clerkOf(call);
    for (const permission of ['ward.beds:read', 'iam.users:delete', 'iam.tenants:write']) {
      await expectFailure(
        'privilege_escalation',
        access().createRole(clerk, { name: 'mine', permissions: [permission] }),
      );
      await expectFailure(
        'privilege_escalation',
        access().updateRole(clerk, id, { permissions: ['iam.users:read', permission] }),
      );
    }
    for (const permission of ['*', 'iam.*', 'iam.users:*', 'iam.Users:read', ' iam.users:read', 'iam.users:read '])
      await expectFailure('invalid_input', access().createRole(clerk, { name: 'mine', permissions: [permission] }));
  });

  it('nor takes it from others: out of their role, with their role, or in its place', async () => {
    const call = await aTenant();
    const id = await ward(call, ['iam.users:read', 'ward.beds:read']);
    const clerk = clerkOf(call);
    await expectFailure('privilege_escalation', access().updateRole(clerk, id, { permissions: ['iam.users:read'] }));
    await expectFailure('privilege_escalation', access().removeRole(clerk, id));
    await expectFailure('role_taken', access().createRole(clerk, { name: 'ward', permissions: [] }));
    await access().updateRole(clerk, id, { displayName: 'Ward', permissions: ['ward.beds:read'] });
    expect((await access().get(call, id)).permissions).to.deep.equal(['ward.beds:read']);
  });

  it('by what they hold at a node, or by a role’s name', async () => {
    const call = await aTenant();
    const node = await rooms().nodes.create(call, { type: 'organization', name: 'North' });
    const ann = await aUser(call);
    await rooms().memberships.set(call, node.id, ann, ['TENANT_ADMIN']);
    const { roles, permissions } = await access().accessOf(call, ann);
    expect([roles, permissions]).to.deep.equal([[], []]);
    const likeAdmin = as(call, { kind: 'client', clientId: 'TENANT_ADMIN', permissions: MANAGES });
    await expectFailure(
      'privilege_escalation',
      access().createRole(likeAdmin, { name: 'mine', permissions: ['ward.beds:read'] }),
    );
  });

  it('to a user, a client, or a member of a node', async () => {
    const call = await aTenant();
    await ward(call);
    await robot(call);
    const node = await rooms().nodes.create(call, { type: 'organization', name: 'North' });
    const ann = await aUser(call);
    const clerk = clerkOf(call);
    for (const role of ['TENANT_ADMIN', 'AUDITOR', 'ward']) {
      await expectFailure('privilege_escalation', access().setUserRoles(clerk, ann, [role]));
      await expectFailure('privilege_escalation', access().setClientRoles(clerk, 'robot', [role]));
      await expectFailure('privilege_escalation', rooms().memberships.set(clerk, node.id, ann, [role]));
    }
    expect(await rooms().memberships.placesOf(call, ann)).to.deep.equal([]);
  });

  it('by becoming somebody who holds it, in the tenant or at a node', async () => {
    const call = await aTenant();
    await ward(call);
    const node = await rooms().nodes.create(call, { type: 'organization', name: 'North' });
    const [ann, bob] = [await aUser(call), await aUser(call)];
    await rooms().memberships.set(call, node.id, ann, ['ward']);
    const clerk = clerkOf(call);
    const password = 'seven quiet rivers at dawn';
    await expectFailure('privilege_escalation', rooms().users.setPassword(clerk, ann, password));
    await expectFailure('privilege_escalation', rooms().users.changeEmail(clerk, ann, 'mine@example.com'));
    await rooms().users.setPassword(clerk, bob, password);
  });

  it('by becoming a client that holds it', async () => {
    const call = await aTenant();
    await robot(call);
    await access().setClientRoles(call, 'robot', ['TENANT_ADMIN']);
    const clerk = clerkOf(call);
    await expectFailure('privilege_escalation', rooms().clients.addSecret(clerk, 'robot'));
    await expectFailure('privilege_escalation', rooms().clients.rotateSecret(clerk, 'robot'));
    await expectFailure(
      'privilege_escalation',
      rooms().clients.update(clerk, 'robot', { jwksUri: 'https://evil.example/jwks' }),
    );
    await rooms().clients.disable(clerk, 'robot');
    await expectFailure('privilege_escalation', rooms().clients.enable(clerk, 'robot'));
  });

  it('not even while the role grows: who is given it waits, and is looked at anew', async () => {
    const call = await aTenant();
    const id = await ward(call, ['iam.users:read']);
    const ann = await aUser(call);
    const given = await whileUncommitted(
      pool(),
      (hold) =>
        inTransaction(call, async (tx) => {
          await access().updateRole(tx, id, { permissions: ['iam.users:read', 'iam.users:delete'] });
          await hold();
        }),
      () => access().setUserRoles(clerkOf(call), ann, ['ward']),
    );
    expect(given).to.have.nested.property('reason.code', 'privilege_escalation');
  });
});

describe('a holder of roles', () => {
  it('has no more of them than there is room for', async () => {
    const call = await aTenant();
    const names = Array.from({ length: LIMITS.rolesOfHolder + 1 }, (_, at) => `role-${at}`);
    for (const name of names) await access().createRole(call, { name });
    const ann = await aUser(call);
    await expectFailure('invalid_input', access().setUserRoles(call, ann, names));
    expect(await access().setUserRoles(call, ann, names.slice(1))).to.have.lengthOf(LIMITS.rolesOfHolder);
  });

  it('is not somebody who is gone for good', async () => {
    const call = await aTenant();
    const ann = await aUser(call, { roles: ['AUDITOR'] });
    await rooms().users.deactivate(call, ann);
    await expectFailure('user_deactivated', access().setUserRoles(call, ann, ['USER_ADMIN']));
    await expectFailure('user_not_found', access().rolesOf(call, 'ffffffff-0000-7000-8000-000000000000' as UserId));
  });
});
