import { expect } from 'chai';
import { SYSTEM_ROLES } from '../../../src/domain/access/role.ts';
import { rootOf } from '../../../src/domain/nodes/node.ts';
import { newId, type UserId } from '../../../src/kernel/ids.ts';
import { aChain, memberships, nodes } from '../../support/nodes.ts';
import { aTenant, aUser, rooms } from '../../support/rooms.ts';
import { statementsOf } from '../sign-in/statements.ts';

const contextOf = (...[call, user]: Parameters<ReturnType<typeof rooms>['access']['accessContextOf']>) =>
  rooms().access.accessContextOf(call, user);

describe('the access context of a user', () => {
  it('has their roles, what these allow, and where they belong', async () => {
    const call = await aTenant({ name: 'Acme' });
    const { access } = rooms();
    await access.createRole(call, { name: 'nurse', permissions: ['ward.beds:read', 'iam.users:read'] });
    await access.createRole(call, { name: 'chief', permissions: ['ward.beds:write'] });
    const ann = await aUser(call, { roles: ['AUDITOR', 'nurse'] });
    const [north, ward] = await aChain(call, 'North', 'Ward');
    await memberships().set(call, ward!.id, ann, ['chief', 'USER_ADMIN']);
    await memberships().set(call, rootOf(call.tenantId), ann, []);
    await memberships().set(call, north!.id, await aUser(call), ['chief']);

    expect(await contextOf(call, ann)).to.deep.equal({
      roles: ['AUDITOR', 'nurse'],
      permissions: [...SYSTEM_ROLES.AUDITOR.permissions, 'ward.beds:read'].sort(),
      memberships: [
        { nodeId: call.tenantId, nodeType: 'tenant', name: 'Acme', roles: [] },
        { nodeId: ward!.id, nodeType: 'organization', name: 'Ward', roles: ['USER_ADMIN', 'chief'] },
      ],
      effectiveModules: [],
    });
  });

  it('is one statement, however much there is', async () => {
    const call = await aTenant();
    const ann = await aUser(call, { roles: ['AUDITOR'] });
    for (const node of await aChain(call, 'A', 'B', 'C')) await memberships().set(call, node.id, ann, ['AUDITOR']);
    const statements = await statementsOf(() => contextOf(call, ann));
    expect(statements).to.deep.equal(['select roles, permissions, memberships from access_context($1, $2)']);
  });

  it('leaves out nodes that are archived, and those below them, while they are', async () => {
    const call = await aTenant();
    const ann = await aUser(call);
    const [top, middle, leaf] = await aChain(call, 'Top', 'Middle', 'Leaf');
    for (const node of [top!, leaf!]) await memberships().set(call, node.id, ann, []);
    const namesOf = async () => (await contextOf(call, ann)).memberships.map(({ name }) => name);

    await nodes().update(call, middle!.id, { status: 'archived' });
    expect(await namesOf()).to.deep.equal(['Top']);
    await nodes().update(call, top!.id, { status: 'archived' });
    expect(await namesOf()).to.deep.equal([]);
    for (const node of [top!, middle!]) await nodes().update(call, node.id, { status: 'active' });
    expect(await namesOf()).to.deep.equal(['Leaf', 'Top']);
  });

  it('is empty for who is unknown, and shows nothing of another tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const ann = await aUser(call, { roles: ['AUDITOR'] });
    const nothing = { roles: [], permissions: [], memberships: [], effectiveModules: [] };
    expect(await contextOf(other, ann)).to.deep.equal(nothing);
    expect(await contextOf(call, newId<UserId>())).to.deep.equal(nothing);
  });
});
