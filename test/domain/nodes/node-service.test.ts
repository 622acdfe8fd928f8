import { expect } from 'chai';
import { rootOf } from '../../../src/domain/nodes/node.ts';
import type { NodeTree } from '../../../src/domain/nodes/node-service.ts';
import { inTransaction } from '../../../src/kernel/call.ts';
import { type NodeId, newId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { expectFailure } from '../../support/expect.ts';
import { aChain, aNode, faultsOf, manyTeams, memberships, nodes } from '../../support/nodes.ts';
import { actor, as, aTenant, aUser, auditOf, rooms } from '../../support/rooms.ts';

const namesOf = (tree: NodeTree): unknown => [tree.name, ...tree.children.map(namesOf)];

describe('the root of the tree', () => {
  it('is there from the first moment, with the id and the name of the tenant', async () => {
    const call = await aTenant({ name: 'Acme' });
    const root = await nodes().get(call, rootOf(call.tenantId));
    expect(root).to.deep.include({ type: 'tenant', parentId: null, name: 'Acme', status: 'active' });
    await rooms().tenants.update(call, { name: 'Acme Clinics' });
    expect(await nodes().get(call, root.id)).to.include({ name: 'Acme Clinics' });
  });

  it('is the tenant itself, and stays as it is', async () => {
    const call = await aTenant();
    const root = rootOf(call.tenantId);
    const node = await aNode(call, 'North');
    for (const change of [{ name: 'Other' }, { status: 'archived' as const }, { parentId: node.id }])
      await expectFailure('node_root', nodes().update(call, root, change));
    await expectFailure('node_root', nodes().remove(call, root, { subtree: true }));
  });
});

describe('a new node', () => {
  it('stands below the root, or below another one', async () => {
    const call = await aTenant();
    const north = await aNode(call, 'North', { country: 'US', legalName: 'North Ltd.' } as object);
    const ward = await aNode(call, 'Ward', { type: 'department', parentId: north.id });
    expect(north.parentId).to.equal(rootOf(call.tenantId));
    expect(await nodes().get(call, ward.id)).to.deep.equal(ward);
    expect(ward).to.include({ parentId: north.id, type: 'department' });
    expect(await auditOf(call)).to.include.members(['node.created']);
  });

  it('is where its type may be', async () => {
    const call = await aTenant();
    const team = await aNode(call, 'Team', { type: 'team' });
    await aNode(call, 'Inner', { type: 'team', parentId: team.id });
    await expectFailure('node_nesting', aNode(call, 'Ward', { type: 'department', parentId: team.id }));
    await expectFailure('node_nesting', aNode(call, 'Acme', { type: 'tenant', parentId: team.id } as object));
  });

  it('has a name that no sibling has, in whatever case', async () => {
    const call = await aTenant();
    const [north, south] = [await aNode(call, 'North'), await aNode(call, 'South')];
    await expectFailure('node_taken', aNode(call, ' NORTH '));
    await expectFailure('node_taken', nodes().update(call, south.id, { name: 'north' }));
    const inner = await aNode(call, 'North', { parentId: north.id });
    await expectFailure('node_taken', nodes().update(call, inner.id, { parentId: rootOf(call.tenantId) }));
    expect(await nodes().update(call, north.id, { name: 'NORTH' })).to.include({ name: 'NORTH' });
  });

  it('has its parent in this tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const foreign = await aNode(other, 'North');
    for (const parentId of [foreign.id, rootOf(other.tenantId), newId<NodeId>()])
      await expectFailure('node_not_found', aNode(call, 'Ward', { parentId }));
  });

  it('makes the tree no deeper than it may be', async () => {
    const call = await aTenant();
    const chain = await aChain(call, ...Array.from({ length: LIMITS.nodeDepth }, (_, at) => `level ${at + 1}`));
    await expectFailure('node_depth', aNode(call, 'one more', { parentId: chain.at(-1)!.id }));
    const ancestors = await inTransaction(call, (tx) => nodes().ancestorsOf(tx, chain.at(-1)!.id));
    expect(ancestors.map(({ id }) => id)).to.deep.equal([...chain.map(({ id }) => id).reverse(), call.tenantId]);
  });

  it('finds room among its siblings', async () => {
    const call = await aTenant();
    await manyTeams(call, rootOf(call.tenantId), LIMITS.nodeChildren - 1);
    await aNode(call, 'the last');
    await expectFailure('node_limit', aNode(call, 'one more'));
  });
});

describe('a change of a node', () => {
  it('keeps what it does not name, and writes nothing when nothing changes', async () => {
    const call = await aTenant();
    const node = await nodes().create(call, {
      type: 'facility',
      name: 'North',
      country: 'US',
      legalName: 'North Ltd.',
    });
    const changed = await nodes().update(call, node.id, { name: 'South', country: null });
    expect(changed).to.include({ name: 'South', country: null, legalName: 'North Ltd.', parentId: node.parentId });
    await nodes().update(call, node.id, { name: 'South', parentId: node.parentId! });
    expect((await auditOf(call)).filter((action) => action === 'node.updated')).to.have.lengthOf(1);
  });

  it('moves it with all that is below it', async () => {
    const call = await aTenant();
    const [, , leaf] = await aChain(call, 'North', 'Middle', 'Leaf');
    const south = await aNode(call, 'South');
    await nodes().update(call, leaf!.parentId!, { parentId: south.id });
    const { tree } = await nodes().tree(call);
    expect(namesOf(tree)).to.deep.equal(['Acme', ['North'], ['South', ['Middle', ['Leaf']]]]);
    expect(await auditOf(call)).to.include('node.moved');
  });

  it('never puts it below itself, nor where its type may not be', async () => {
    const call = await aTenant();
    const [top, , leaf] = await aChain(call, 'Top', 'Middle', 'Leaf');
    const team = await aNode(call, 'Team', { type: 'team' });
    for (const parentId of [top!.id, leaf!.id])
      await expectFailure('node_cycle', nodes().update(call, top!.id, { parentId }));
    await expectFailure('node_nesting', nodes().update(call, top!.id, { parentId: team.id }));
    expect(await faultsOf(call)).to.deep.equal([]);
  });

  it('never puts what is below it too deep', async () => {
    const call = await aTenant();
    const names = (count: number, word: string) => Array.from({ length: count }, (_, at) => `${word} ${at}`);
    const half = LIMITS.nodeDepth / 2;
    const [left, right] = [await aChain(call, ...names(half, 'left')), await aChain(call, ...names(half + 1, 'right'))];
    await expectFailure('node_depth', nodes().update(call, right[0]!.id, { parentId: left.at(-1)!.id }));
    await nodes().update(call, right[1]!.id, { parentId: left.at(-1)!.id });
    await expectFailure('node_depth', aNode(call, 'one more', { parentId: right.at(-1)!.id }));
  });

  it('does not move it to another tenant, nor one of another tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const [mine, foreign] = [await aNode(call, 'Mine'), await aNode(other, 'Theirs')];
    await expectFailure('node_not_found', nodes().update(call, mine.id, { parentId: foreign.id }));
    await expectFailure('node_not_found', nodes().update(call, foreign.id, { name: 'Mine too' }));
    await expectFailure('node_not_found', nodes().remove(call, foreign.id));
    await expectFailure('node_not_found', nodes().get(call, foreign.id));
    await expectFailure('node_not_found', nodes().list(call, { parentId: foreign.id }));
    await expectFailure('node_not_found', nodes().tree(call, { root: foreign.id }));
    expect(await inTransaction(call, (tx) => nodes().ancestorsOf(tx, foreign.id))).to.deep.equal([]);
    expect(await inTransaction(call, (tx) => nodes().subtreeOf(tx, foreign.id, 10))).to.deep.equal([]);
  });
});

describe('an archived node', () => {
  it('takes nothing new, and neither does what is below it, until it is back', async () => {
    const call = await aTenant();
    const [top, below] = await aChain(call, 'Top', 'Below');
    const [away, ann] = [await aNode(call, 'Away'), await aUser(call)];
    await nodes().update(call, top!.id, { status: 'archived' });
    for (const { id } of [top!, below!]) {
      await expectFailure('node_archived', aNode(call, 'New', { parentId: id }));
      await expectFailure('node_archived', nodes().update(call, away.id, { parentId: id }));
      await expectFailure('node_archived', memberships().set(call, id, ann, []));
    }
    expect(await nodes().get(call, below!.id)).to.include({ status: 'active' });
    await nodes().update(call, below!.id, { name: 'Renamed' });
    await nodes().update(call, top!.id, { status: 'active' });
    await aNode(call, 'New', { parentId: below!.id });
  });
});

describe('removing a node', () => {
  it('is refused while somebody or something is there, unless all of it shall go', async () => {
    const call = await aTenant();
    const [top, below] = await aChain(call, 'Top', 'Below');
    const ann = await aUser(call);
    await memberships().set(call, below!.id, ann, []);
    await expectFailure('node_not_empty', nodes().remove(call, top!.id));
    await expectFailure('node_not_empty', nodes().remove(call, below!.id));
    await nodes().remove(call, top!.id, { subtree: true });
    await expectFailure('node_not_found', nodes().get(call, below!.id));
    expect(await memberships().placesOf(call, ann)).to.deep.equal([]);
    await expectFailure('node_not_found', nodes().remove(call, top!.id));
    expect((await auditOf(call)).filter((action) => action === 'node.removed')).to.have.lengthOf(1);
  });

  it('takes from no member what the actor does not hold', async () => {
    const call = await aTenant();
    const [top, below] = await aChain(call, 'Top', 'Below');
    await memberships().set(call, below!.id, await aUser(call), ['AUDITOR']);
    const clerk = as(call, actor(['iam.nodes:write']));
    await expectFailure('privilege_escalation', nodes().remove(clerk, top!.id, { subtree: true }));
    expect(await nodes().get(call, below!.id)).to.deep.equal(below);
  });

  it('takes no more at once than there may be', async () => {
    const call = await aTenant();
    const [top, middle] = await aChain(call, 'Top', 'Middle');
    await manyTeams(call, middle!.id, LIMITS.nodeRemovals - 1);
    await expectFailure('node_limit', nodes().remove(call, top!.id, { subtree: true }));
    await nodes().remove(call, middle!.id, { subtree: true });
    await nodes().remove(call, top!.id);
  });
});

describe('nodes are shown', () => {
  it('in pages by name, as they are searched for', async () => {
    const call = await aTenant({ name: 'Zeta' });
    const north = await nodes().create(call, { type: 'organization', name: 'North_1', legalName: 'Polar Ltd.' });
    await aNode(call, 'ward b', { type: 'department', parentId: north.id });
    await aNode(call, 'Ward A', { type: 'department', parentId: north.id });
    const old = await aNode(call, 'Old', { type: 'team' });
    await nodes().update(call, old.id, { status: 'archived' });
    const shown = async (query: Parameters<ReturnType<typeof nodes>['list']>[1]) =>
      (await nodes().list(call, query)).items.map(({ name }) => name);

    expect(await shown({})).to.deep.equal(['North_1', 'Old', 'Ward A', 'ward b', 'Zeta']);
    expect(await shown({ page: 2, pageSize: 2 })).to.deep.equal(['Ward A', 'ward b']);
    expect(await nodes().list(call, { page: 3, pageSize: 2 })).to.include({ total: 5, page: 3 });
    expect(await shown({ parentId: north.id })).to.deep.equal(['Ward A', 'ward b']);
    expect(await shown({ type: 'department', search: 'WARD  b' })).to.deep.equal(['ward b']);
    expect(await shown({ search: 'polar' })).to.deep.equal(['North_1']);
    expect(await shown({ search: 'h_1' })).to.deep.equal(['North_1']);
    expect(await shown({ search: 'd_b' })).to.deep.equal([]);
    expect(await shown({ status: 'archived' })).to.deep.equal(['Old']);
    await expectFailure('invalid_input', nodes().list(call, { search: 'x' }));
    await expectFailure('invalid_input', nodes().list(call, { pageSize: LIMITS.pageSize + 1 }));
  });

  it('as a tree, from a node down, as far as is asked', async () => {
    const call = await aTenant();
    const [top] = await aChain(call, 'Top', 'Middle', 'Leaf');
    await aNode(call, 'Able', { parentId: top!.id });
    await aNode(call, 'Zoo');
    expect(namesOf((await nodes().tree(call)).tree)).to.deep.equal([
      'Acme',
      ['Top', ['Able'], ['Middle', ['Leaf']]],
      ['Zoo'],
    ]);
    const part = await nodes().tree(call, { root: top!.id, levels: 1 });
    expect(namesOf(part.tree)).to.deep.equal(['Top', ['Able'], ['Middle']]);
    expect(part.isWhole).to.equal(true);
  });

  it('as the outermost part of a tree that is too large', async () => {
    const call = await aTenant();
    const [, inner] = await aChain(call, 'Top', 'Inner');
    for (let at = 0; at < LIMITS.nodeTree - 3; at++) await aNode(call, `Team ${at}`, { type: 'team' });
    expect((await nodes().tree(call)).isWhole).to.equal(true);
    await aNode(call, 'Innermost', { parentId: inner!.id });
    const { tree, isWhole } = await nodes().tree(call);
    expect(isWhole).to.equal(false);
    expect(JSON.stringify(tree)).to.include('Inner').and.not.to.include('Innermost');
  }).timeout(60_000);
});
