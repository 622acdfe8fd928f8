import { batchesOf } from '../../kernel/batches.ts';
import { isUuid, type NodeId, newId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { checkedNode, keyOfName, mayHold, type NodeType, type OrgNode, rootOf } from '../nodes/node.ts';
import type { MemberBlueprint, NodeBlueprint } from './blueprint.ts';
import { callOf, changedFields, declaredOnce, differs, isWrong, judged, type Site, type Work, writes } from './work.ts';

/** A node that is there, or about to be. */
export type Planted = {
  site: Site;
  /** The place in the file. */
  path: string;
  /** As a person would say where it is: `North / Ward`. */
  title: string;
  id: NodeId;
  type: NodeType;
  isNew: boolean;
  members: readonly MemberBlueprint[];
};

type Declared = { above: Planted; path: string; node: NodeBlueprint; nameKey: string };

/** Makes and changes the declared nodes, one level after the other. Gives all of them, the roots among them. */
export async function reconcileNodes(work: Work, sites: readonly Site[]): Promise<Planted[]> {
  const concerned = sites.filter(({ declared }) => declared.nodes !== undefined || declared.members !== undefined);
  if (work.mayWrite && concerned.length > 0)
    await work.rooms.nodes.lockTrees(
      work.tx,
      concerned.map(({ tenantId }) => tenantId),
    );
  const all = concerned.map(rootPlanted);
  const counted = new Map<string, number>();
  let level = all.flatMap((root) => declaredBelow(work, root, `${root.path}.nodes`, root.site.declared.nodes));
  for (let depth = 1; level.length > 0; depth++) {
    const below: Declared[] = [];
    for (const batch of batchesOf(level, LIMITS.batchRows)) {
      for (const [declared, planted] of await plant(work, batch, depth)) {
        all.push(planted);
        if (!planted.isNew) counted.set(planted.site.tenantId, (counted.get(planted.site.tenantId) ?? 0) + 1);
        below.push(...declaredBelow(work, planted, `${planted.path}.nodes`, declared.node.nodes));
      }
    }
    level = below;
  }
  if (!work.mayWrite) await tellKept(work, sites, counted);
  return all;
}

const rootPlanted = (site: Site): Planted => ({
  site,
  path: site.path,
  title: '',
  id: rootOf(site.tenantId),
  type: 'tenant',
  isNew: site.isNew,
  members: site.declared.members ?? [],
});

function declaredBelow(
  work: Work,
  above: Planted,
  path: string,
  nodes: readonly NodeBlueprint[] | undefined,
): Declared[] {
  return declaredOnce(work, path, nodes ?? [], ({ name }) => keyOfName(name)).map(({ item, path: at, key }) => ({
    above,
    path: at,
    node: item,
    nameKey: key,
  }));
}

/** Compares one level and writes what differs. Gives the nodes below which it can go on. */
async function plant(work: Work, batch: readonly Declared[], depth: number): Promise<(readonly [Declared, Planted])[]> {
  const { tx, rooms } = work;
  const places = batch
    .filter(({ above }) => !above.isNew)
    .map(({ above, nameKey }) => ({ tenantId: above.site.tenantId, parentId: above.id, nameKey }));
  const found = new Map(
    (await rooms.nodes.nodesAt(tx, places)).map(({ node }) => [`${node.parentId} ${keyOfName(node.name)}`, node]),
  );
  const planted: (readonly [Declared, Planted])[] = [];
  const fresh: Parameters<typeof rooms.nodes.createNodes>[1][number][] = [];
  for (const declared of batch) {
    const there = found.get(`${declared.above.id} ${declared.nameKey}`);
    const values = await judged(work, declared.path, () => checkedNode({ ...there, ...givenOf(declared.node) }));
    if (!values || !fits(work, declared, there, depth)) continue;
    const { above, node } = declared;
    const id = there?.id ?? (node.id as NodeId | undefined) ?? newId<NodeId>();
    planted.push([declared, plantedOf(declared, id, there === undefined)]);
    if (there) await change(work, declared, there, values);
    else {
      differs(work, above.site, 'create', 'node', titleOf(declared));
      fresh.push({ ...values, tenantId: above.site.tenantId, id, parentId: above.id, type: node.type });
    }
  }
  if (fresh.length > 0 && writes(work)) await rooms.nodes.createNodes(tx, fresh);
  return planted;
}

const givenOf = ({ name, legalName, country, status }: NodeBlueprint) => ({
  name,
  ...(legalName !== undefined && { legalName }),
  ...(country !== undefined && { country }),
  ...(status !== undefined && { status }),
});

const titleOf = ({ above, node }: Declared): string => (above.title ? `${above.title} / ${node.name}` : node.name);

const plantedOf = (declared: Declared, id: NodeId, isNew: boolean): Planted => ({
  site: declared.above.site,
  path: declared.path,
  title: titleOf(declared),
  id,
  type: declared.node.type,
  isNew,
  members: declared.node.members ?? [],
});

/** Whether a node may stand where the file has it. */
function fits(work: Work, { above, node, path }: Declared, there: OrgNode | undefined, depth: number): boolean {
  const before = work.mistakes.length;
  if (there && there.type !== node.type) isWrong(work, `${path}.type`, `is ${there.type}, which stays`);
  if (!mayHold(above.type, node.type)) isWrong(work, `${path}.type`, `cannot stand below a node of type ${above.type}`);
  if (depth > LIMITS.nodeDepth) isWrong(work, path, `is deeper than ${LIMITS.nodeDepth} levels`);
  if (node.id !== undefined && !isUuid(node.id)) isWrong(work, `${path}.id`, 'must be a UUID');
  return work.mistakes.length === before;
}

async function change(
  work: Work,
  declared: Declared,
  there: OrgNode,
  { nameKey: _name, legalKey: _legal, ...values }: ReturnType<typeof checkedNode>,
): Promise<void> {
  const fields = changedFields(values, there);
  if (fields.length === 0) return;
  differs(work, declared.above.site, 'change', 'node', titleOf(declared), fields);
  if (!writes(work)) return;
  await judged(work, declared.path, () => work.rooms.nodes.update(callOf(work, declared.above.site), there.id, values));
}

/** How many nodes a plan leaves alone; there may be too many to name. */
async function tellKept(work: Work, sites: readonly Site[], counted: ReadonlyMap<string, number>): Promise<void> {
  const there = await work.rooms.nodes.countByTenant(
    work.tx,
    sites.map(({ tenantId }) => tenantId),
  );
  for (const site of sites) {
    const kept = (there.get(site.tenantId) ?? 0) - (counted.get(site.tenantId) ?? 0);
    if (kept > 0) differs(work, site, 'kept', 'node', `${kept} more`);
  }
}
