import { expect } from 'chai';
import { type NodeChange, type OrgNode, rootOf } from '../../../src/domain/nodes/node.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { aChain, aNode, faultsOf, manyTeams, memberships, nodes } from '../../support/nodes.ts';
import { whileUncommitted } from '../../support/race.ts';
import { aTenant, aUser, rooms } from '../../support/rooms.ts';

/** Does `first` and holds it back until `second` waits for it; gives the code with which `second` was refused, if any. */
async function afterwards(
  call: TenantCall,
  first: (tx: TenantCall) => Promise<unknown>,
  second: () => Promise<unknown>,
): Promise<string | undefined> {
  const outcome = await whileUncommitted(
    pool(),
    (hold) =>
      inTransaction(call, async (tx) => {
        await first(tx);
        await hold();
      }),
    second,
  );
  if (outcome.status === 'fulfilled') return undefined;
  if (outcome.reason instanceof Failure) return outcome.reason.code;
  throw outcome.reason;
}

const moveTo = (tx: TenantCall, node: OrgNode, parent: OrgNode) => nodes().update(tx, node.id, { parentId: parent.id });

describe('two changes of a tree at the same moment', () => {
  it('never put two nodes below each other', async () => {
    const call = await aTenant();
    const [a, b] = [await aNode(call, 'A'), await aNode(call, 'B')];
    expect(
      await afterwards(
        call,
        (tx) => moveTo(tx, a, b),
        () => moveTo(call, b, a),
      ),
    ).to.equal('node_cycle');
    expect(await faultsOf(call)).to.deep.equal([]);
  });

  it('never close a ring far from where each of them moves', async () => {
    const call = await aTenant();
    const [a1, a2] = await aChain(call, 'A1', 'A2');
    const [b1, b2] = await aChain(call, 'B1', 'B2');
    expect(
      await afterwards(
        call,
        (tx) => moveTo(tx, a1!, b2!),
        () => moveTo(call, b1!, a2!),
      ),
    ).to.equal('node_cycle');
    expect(await faultsOf(call)).to.deep.equal([]);
  });

  it('never leave a node without its parent', async () => {
    const call = await aTenant();
    const [a, b] = [await aNode(call, 'A'), await aNode(call, 'B')];
    const remove = (tx: TenantCall) => nodes().remove(tx, b.id);
    expect(await afterwards(call, remove, () => moveTo(call, a, b))).to.equal('node_not_found');

    const c = await aNode(call, 'C');
    const removeC = (tx: TenantCall) => nodes().remove(tx, c.id);
    expect(await afterwards(call, removeC, () => aNode(call, 'D', { parentId: c.id }))).to.equal('node_not_found');

    const e = await aNode(call, 'E');
    const add = (tx: TenantCall) => aNode(tx, 'F', { parentId: e.id });
    expect(await afterwards(call, add, () => nodes().remove(call, e.id))).to.equal('node_not_empty');
    expect(await faultsOf(call)).to.deep.equal([]);
  });

  it('never make it too deep between them', async () => {
    const call = await aTenant();
    const names = Array.from({ length: LIMITS.nodeDepth - 1 }, (_, at) => `level ${at}`);
    const deep = await aChain(call, ...names);
    const [top, below] = await aChain(call, 'Top', 'Below');
    const move = (tx: TenantCall) => moveTo(tx, top!, deep.at(-2)!);
    expect(await afterwards(call, move, () => aNode(call, 'New', { parentId: below!.id }))).to.equal('node_depth');
  });

  it('never give siblings one name', async () => {
    const call = await aTenant();
    const [a] = await aChain(call, 'A', 'Inner');
    const make = (tx: TenantCall) => aNode(tx, 'B');
    expect(await afterwards(call, make, () => aNode(call, 'b'))).to.equal('node_taken');
    const parent = { parentId: a!.id };
    const makeBelow = (tx: TenantCall) => aNode(tx, 'C', parent);
    expect(await afterwards(call, makeBelow, () => aNode(call, 'C', parent))).to.equal('node_taken');
  });

  it('never put one more below a node than it has room for', async () => {
    const call = await aTenant();
    await manyTeams(call, rootOf(call.tenantId), LIMITS.nodeChildren - 1);
    const make = (tx: TenantCall) => aNode(tx, 'the last');
    expect(await afterwards(call, make, () => aNode(call, 'one more'))).to.equal('node_limit');
  });

  it('keep both what they say of a node', async () => {
    const call = await aTenant();
    const [node, other] = [await aNode(call, 'A'), await aNode(call, 'B')];
    const rename = (tx: TenantCall) => nodes().update(tx, node.id, { name: 'Renamed' });
    const move: NodeChange = { parentId: other.id, country: 'US' };
    expect(await afterwards(call, rename, () => nodes().update(call, node.id, move))).to.equal(undefined);
    expect(await nodes().get(call, node.id)).to.include({ name: 'Renamed', parentId: other.id, country: 'US' });
  });

  it('however many there are, leave a tree', async function () {
    this.timeout(60_000);
    const call = await aTenant();
    const all = await Promise.all(Array.from({ length: 12 }, (_, at) => aNode(call, `N${at}`)));
    const moves = all.flatMap((node, at) =>
      [1, 5, 7].map((step) => nodes().update(call, node.id, { parentId: all[(at + step) % all.length]!.id })),
    );
    const outcomes = await Promise.allSettled(moves);
    const refused = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as Failure] : []));
    expect(refused.filter((reason) => !(reason instanceof Failure))).to.deep.equal([]);
    expect(new Set(refused.map(({ code }) => code))).to.deep.equal(new Set(['node_cycle']));
    expect(await faultsOf(call)).to.deep.equal([]);
  });
});

describe('who joins a node at the moment in which', () => {
  it('it is removed, is in none', async () => {
    const call = await aTenant();
    const [node, ann] = [await aNode(call, 'A'), await aUser(call)];
    const remove = (tx: TenantCall) => nodes().remove(tx, node.id);
    expect(await afterwards(call, remove, () => memberships().set(call, node.id, ann, []))).to.equal('node_not_found');
  });

  it('it was joined already, keeps it where it is', async () => {
    const call = await aTenant();
    const [node, ann] = [await aNode(call, 'A'), await aUser(call)];
    const join = (tx: TenantCall) => memberships().set(tx, node.id, ann, ['AUDITOR']);
    expect(await afterwards(call, join, () => nodes().remove(call, node.id))).to.equal('node_not_empty');
    expect(await memberships().placesOf(call, ann)).to.have.lengthOf(1);
  });

  it('they join it twice, is one member with the roles of the second', async () => {
    const call = await aTenant();
    const [node, ann] = [await aNode(call, 'A'), await aUser(call)];
    const join = (tx: TenantCall) => memberships().set(tx, node.id, ann, ['AUDITOR']);
    const again = () => memberships().set(call, node.id, ann, ['USER_ADMIN']);
    expect(await afterwards(call, join, again)).to.equal(undefined);
    expect((await memberships().placesOf(call, ann)).map(({ roles }) => roles)).to.deep.equal([['USER_ADMIN']]);
  });

  it('they are put out for good, is in none', async () => {
    const call = await aTenant();
    const [node, ann, bob] = [await aNode(call, 'A'), await aUser(call), await aUser(call)];
    const leave = (tx: TenantCall) => rooms().users.deactivate(tx, ann);
    const joinAnn = () => memberships().set(call, node.id, ann, []);
    expect(await afterwards(call, leave, joinAnn)).to.equal('user_deactivated');
    const joinBob = (tx: TenantCall) => memberships().set(tx, node.id, bob, []);
    expect(await afterwards(call, joinBob, () => rooms().users.deactivate(call, bob))).to.equal(undefined);
    for (const user of [ann, bob]) expect(await memberships().placesOf(call, user)).to.deep.equal([]);
  });

  it('they are in as many as may be but one, joins one more and no second', async () => {
    const call = await aTenant();
    const ann = await aUser(call);
    await manyTeams(call, rootOf(call.tenantId), LIMITS.membershipsOfUser - 1);
    await inTransaction(call, async ({ db }) => {
      await db.raw(
        `insert into node_members (tenant_id, node_id, user_id, created_at)
          select tenant_id, id, ?, now() from nodes where tenant_id = ? and type = 'team'`,
        [ann, call.tenantId],
      );
    });
    const [a, b] = [await aNode(call, 'A'), await aNode(call, 'B')];
    const join = (tx: TenantCall) => memberships().set(tx, a.id, ann, []);
    expect(await afterwards(call, join, () => memberships().set(call, b.id, ann, []))).to.equal('node_limit');
    expect(await memberships().placesOf(call, ann)).to.have.lengthOf(LIMITS.membershipsOfUser);
  });
});
