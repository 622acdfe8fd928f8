import type { OperatorCall } from '../../kernel/call.ts';
import type { NodeId, TenantId } from '../../kernel/ids.ts';
import type { NodeType, NodeValues, OrgNode } from './node.ts';
import { NODE_COLUMNS, type NodeRow, toColumns, toNode } from './node-store.ts';

export type OwnedNode = { tenantId: TenantId; node: OrgNode };
/** Where a node is, or is to be: below which one, under which name as names are compared. */
export type NodePlace = { tenantId: TenantId; parentId: NodeId; nameKey: string };
export type NewNode = NodeValues & { tenantId: TenantId; id: NodeId; parentId: NodeId; type: NodeType };

const owned = (row: NodeRow): OwnedNode => ({ tenantId: row.tenant_id, node: toNode(row) });

/** Holds the trees of several tenants as they are, as `lockTree` does that of one. */
export async function lockTrees({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<void> {
  await db.raw(
    'select from nodes where tenant_id = any(?::uuid[]) and id = tenant_id order by tenant_id for no key update',
    [[...tenantIds]],
  );
}

/** Writes nodes of any tenants. A unique index refuses a name that a sibling has. One statement. */
export async function insertAll({ db, now }: OperatorCall, nodes: readonly NewNode[]): Promise<void> {
  await db<NodeRow>('nodes').insert(
    nodes.map((node) => ({
      tenant_id: node.tenantId,
      id: node.id,
      parent_id: node.parentId,
      type: node.type,
      ...toColumns(node),
      created_at: now,
      updated_at: now,
    })),
  );
}

/** Those of the parents that have more than `most` nodes right below them. */
export async function overfull(
  { db }: OperatorCall,
  parents: readonly { tenantId: TenantId; parentId: NodeId }[],
  most: number,
): Promise<NodeId[]> {
  const { rows } = await db.raw<{ rows: { parent_id: NodeId }[] }>(
    `select parent_id from nodes where (tenant_id, parent_id) in (select * from unnest(?::uuid[], ?::uuid[]))
      group by parent_id having count(*) > ?`,
    [parents.map(({ tenantId }) => tenantId), parents.map(({ parentId }) => parentId), most],
  );
  return rows.map((row) => row.parent_id);
}

/** Those that exist of the named nodes. */
export async function findAt({ db }: OperatorCall, places: readonly NodePlace[]): Promise<OwnedNode[]> {
  const rows: NodeRow[] = await db<NodeRow>('nodes')
    .whereRaw('(tenant_id, parent_id, name_key) in (select * from unnest(?::uuid[], ?::uuid[], ?::text[]))', [
      places.map(({ tenantId }) => tenantId),
      places.map(({ parentId }) => parentId),
      places.map(({ nameKey }) => nameKey),
    ])
    .select('tenant_id', ...NODE_COLUMNS);
  return rows.map(owned);
}

/** All nodes of several tenants but their roots, by tenant and name. */
export async function listOf({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<OwnedNode[]> {
  const rows: NodeRow[] = await db<NodeRow>('nodes')
    .whereRaw('tenant_id = any(?::uuid[]) and id <> tenant_id', [[...tenantIds]])
    .orderBy(['tenant_id', 'name_key', 'id'])
    .select('tenant_id', ...NODE_COLUMNS);
  return rows.map(owned);
}

/** How many nodes each of several tenants has beside its root. */
export async function countByTenant(
  { db }: OperatorCall,
  tenantIds: readonly TenantId[],
): Promise<Map<TenantId, number>> {
  const rows = await db<NodeRow>('nodes')
    .whereRaw('tenant_id = any(?::uuid[]) and id <> tenant_id', [[...tenantIds]])
    .groupBy('tenant_id')
    .select<{ tenant_id: TenantId; count: string }[]>('tenant_id', db.raw('count(*) as count'));
  return new Map(rows.map((row) => [row.tenant_id, Number(row.count)]));
}
