import type { NodeDraft, OrgNode } from '../../src/domain/nodes/node.ts';
import { inTransaction, type TenantCall } from '../../src/kernel/call.ts';
import type { NodeId } from '../../src/kernel/ids.ts';
import { rooms } from './rooms.ts';

export const nodes = () => rooms().nodes;
export const memberships = () => rooms().memberships;

/** A node of a name, an organization unless told. */
export const aNode = (call: TenantCall, name: string, draft: Partial<Omit<NodeDraft, 'name'>> = {}): Promise<OrgNode> =>
  nodes().create(call, { type: 'organization', ...draft, name });

/** A node below the one before it, for each name; the first is below the root. */
export async function aChain(call: TenantCall, ...names: string[]): Promise<OrgNode[]> {
  const chain: OrgNode[] = [];
  for (const name of names) chain.push(await aNode(call, name, { parentId: chain.at(-1)?.id }));
  return chain;
}

/** So many teams below a node at once. A foreign key is checked as it was planned for a smaller table, unless it is told. */
export async function manyTeams(call: TenantCall, parentId: NodeId, count: number): Promise<void> {
  await inTransaction(call, async ({ db, tenantId }) => {
    await db.raw('discard plans; set local enable_seqscan = off');
    await db.raw(
      `insert into nodes (tenant_id, id, parent_id, type, name, name_key, status, created_at, updated_at)
        select ?, gen_random_uuid(), ?, 'team', 'Team ' || i, 'team ' || i, 'active', now(), now() from generate_series(1, ?) i`,
      [tenantId, parentId, count],
    );
  });
  await call.db.raw('analyze nodes');
}

/** What is wrong with a tenant's tree, by a walk over all its rows: nothing, or it is no tree. */
export async function faultsOf(call: TenantCall): Promise<string[]> {
  const rows: { id: string; parent_id: string | null; name: string }[] = await inTransaction(call, ({ db }) =>
    db('nodes').where({ tenant_id: call.tenantId }).select('id', 'parent_id', 'name'),
  );
  const parents = new Map(rows.map((row) => [row.id, row.parent_id]));
  return rows
    .filter(({ id }) => {
      const seen = new Set<string>();
      let at: string | null | undefined = id;
      while (at && !seen.has(at)) {
        seen.add(at);
        at = parents.get(at);
      }
      return at !== null;
    })
    .map(({ name }) => `${name} does not lead to the root`);
}
