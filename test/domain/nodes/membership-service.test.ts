import { expect } from 'chai';
import { rootOf } from '../../../src/domain/nodes/node.ts';
import { type NodeId, newId, type UserId } from '../../../src/kernel/ids.ts';
import { expectFailure } from '../../support/expect.ts';
import { aNode, memberships } from '../../support/nodes.ts';
import { actor, as, aTenant, aUser, auditOf, rooms } from '../../support/rooms.ts';

describe('a member of a node', () => {
  it('has there exactly the roles that were set, and is one however often that is said', async () => {
    const call = await aTenant();
    const [node, ann] = [await aNode(call, 'North'), await aUser(call, { email: 'ann@example.com' })];
    await rooms().access.createRole(call, { name: 'nurse', permissions: ['ward.beds:read'] });
    await memberships().set(call, node.id, ann, ['AUDITOR']);
    await memberships().set(call, node.id, ann, ['nurse', 'USER_ADMIN', 'nurse']);
    const member = await memberships().set(call, node.id, ann, ['USER_ADMIN', 'nurse']);

    expect(member).to.deep.include({ nodeId: node.id, userId: ann, roles: ['USER_ADMIN', 'nurse'] });
    expect(member.user).to.include({ email: 'ann@example.com', status: 'active' });
    expect((await auditOf(call)).filter((action) => action.startsWith('node.member'))).to.deep.equal([
      'node.member_added',
      'node.member_changed',
    ]);
  });

  it('may have no role, and may belong to the root', async () => {
    const call = await aTenant();
    const ann = await aUser(call);
    expect(await memberships().set(call, rootOf(call.tenantId), ann, [])).to.deep.include({ roles: [] });
  });

  it('is a user, at a node, with roles of this tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const [node, ann] = [await aNode(call, 'North'), await aUser(call)];
    const [foreignNode, bob] = [await aNode(other, 'North'), await aUser(other)];
    await rooms().access.createRole(other, { name: 'nurse' });

    await expectFailure('node_not_found', memberships().set(call, foreignNode.id, ann, []));
    await expectFailure('node_not_found', memberships().set(call, newId<NodeId>(), ann, []));
    await expectFailure('user_not_found', memberships().set(call, node.id, bob, []));
    await expectFailure('user_not_found', memberships().set(call, node.id, newId<UserId>(), []));
    await expectFailure('role_not_found', memberships().set(call, node.id, ann, ['nurse']));
    await expectFailure('role_not_found', memberships().set(call, node.id, ann, ['SUPER_ADMIN']));
    await expectFailure('node_not_found', memberships().list(call, foreignNode.id));
    await expectFailure('node_not_found', memberships().remove(call, foreignNode.id, bob));
    expect((await memberships().list(call, node.id)).total).to.equal(0);
  });

  it('leaves once, and is taken out by nobody who does not hold what they may do there', async () => {
    const call = await aTenant();
    const [node, ann] = [await aNode(call, 'North'), await aUser(call)];
    await memberships().set(call, node.id, ann, ['AUDITOR']);
    const clerk = as(call, actor(['iam.nodes:write']));
    await expectFailure('privilege_escalation', memberships().remove(clerk, node.id, ann));
    await memberships().remove(call, node.id, ann);
    await expectFailure('member_not_found', memberships().remove(call, node.id, ann));
    await expectFailure('member_not_found', memberships().remove(call, node.id, newId<UserId>()));
    expect(await memberships().set(call, node.id, ann, [])).to.deep.include({ roles: [] });
  });

  it('loses there what a role that is gone allowed, and stays', async () => {
    const call = await aTenant();
    const [node, ann] = [await aNode(call, 'North'), await aUser(call)];
    const role = await rooms().access.createRole(call, { name: 'nurse' });
    await memberships().set(call, node.id, ann, ['nurse']);
    await rooms().access.removeRole(call, role.id);
    expect((await memberships().placesOf(call, ann)).map(({ roles }) => roles)).to.deep.equal([[]]);
  });

  it('is none any more once they are gone for good', async () => {
    const call = await aTenant();
    const [node, ann] = [await aNode(call, 'North'), await aUser(call)];
    await memberships().set(call, node.id, ann, ['AUDITOR']);
    await rooms().users.suspend(call, ann);
    expect((await memberships().list(call, node.id)).items.map(({ user }) => user.status)).to.deep.equal(['suspended']);
    await rooms().users.deactivate(call, ann);
    expect((await memberships().list(call, node.id)).total).to.equal(0);
    await expectFailure('user_deactivated', memberships().set(call, node.id, ann, []));
  });
});

describe('the members of a node', () => {
  it('are shown in pages by address, as they are searched for, and not those below it', async () => {
    const call = await aTenant();
    const north = await aNode(call, 'North');
    const below = await aNode(call, 'Ward', { parentId: north.id });
    const people = [];
    for (const name of ['cid', 'Ann', 'bob']) people.push(await aUser(call, { email: `${name}@example.com` }));
    for (const user of people) await memberships().set(call, north.id, user, []);
    await memberships().set(call, below.id, await aUser(call), []);
    const shown = async (query: Parameters<ReturnType<typeof memberships>['list']>[2]) =>
      (await memberships().list(call, north.id, query)).items.map(({ user }) => user.email);

    expect(await shown({})).to.deep.equal(['Ann@example.com', 'bob@example.com', 'cid@example.com']);
    expect(await shown({ page: 2, pageSize: 2 })).to.deep.equal(['cid@example.com']);
    expect(await shown({ search: 'ANN' })).to.deep.equal(['Ann@example.com']);
    expect(await shown({ search: '%n' })).to.deep.equal([]);
    expect((await memberships().list(call, north.id, { pageSize: 1 })).total).to.equal(3);
  });
});
