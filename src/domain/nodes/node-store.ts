import type { TenantCall } from '../../kernel/call.ts';
import type { NodeId, TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type NodeStatus, type NodeType, type NodeValues, type OrgNode, rootOf } from './node.ts';

export type NodeRow = {
  tenant_id: TenantId;
  id: NodeId;
  parent_id: NodeId | null;
  type: NodeType;
  name: string;
  name_key: string;
  legal_name: string | null;
  legal_key: string | null;
  country: string | null;
  status: NodeStatus;
  created_at: Date;
  updated_at: Date;
};

export const NODE_COLUMNS = [
  'id',
  'parent_id',
  'type',
  'name',
  'legal_name',
  'country',
  'status',
  'created_at',
  'updated_at',
] as const;

const SELECTED = NODE_COLUMNS.map((column) => `n.${column}`).join(', ');

export const toNode = (row: Pick<NodeRow, (typeof NODE_COLUMNS)[number]>): OrgNode => ({
  id: row.id,
  parentId: row.parent_id,
  type: row.type,
  name: row.name,
  legalName: row.legal_name,
  country: row.country,
  status: row.status,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export const toColumns = ({ name, nameKey, legalName, legalKey, country, status }: NodeValues) => ({
  name,
  name_key: nameKey,
  legal_name: legalName,
  legal_key: legalKey,
  country,
  status,
});

/**
 * Holds the tree of the tenant as it is: `grow` lets others grow it too, `change` nobody. The root stands for the tree, and
 * is held before any other node, so that nobody waits in a ring.
 */
export async function lockTree({ db, tenantId }: TenantCall, how: 'grow' | 'change'): Promise<void> {
  const root = db<NodeRow>('nodes').where({ tenant_id: tenantId, id: rootOf(tenantId) });
  await (how === 'grow' ? root.forShare() : root.forNoKeyUpdate()).first('id');
}

/** A unique index refuses a name that a sibling has. */
export async function insert(
  { db, tenantId, now }: TenantCall,
  node: NodeValues & { id: NodeId; parentId: NodeId; type: NodeType },
): Promise<OrgNode> {
  const [row] = await db<NodeRow>('nodes')
    .insert({
      tenant_id: tenantId,
      id: node.id,
      parent_id: node.parentId,
      type: node.type,
      ...toColumns(node),
      created_at: now,
      updated_at: now,
    })
    .returning([...NODE_COLUMNS]);
  return toNode(row as NodeRow);
}

export async function find({ db, tenantId }: TenantCall, id: NodeId): Promise<OrgNode | undefined> {
  const row = await db<NodeRow>('nodes')
    .where({ tenant_id: tenantId, id })
    .first(...NODE_COLUMNS);
  return row && toNode(row);
}

/** Like `find`, and nobody else changes the node until the transaction ends; with `removal`, nobody refers to it either. */
export async function lock(
  { db, tenantId }: TenantCall,
  id: NodeId,
  { removal = false }: { removal?: boolean | undefined } = {},
): Promise<OrgNode | undefined> {
  const query = db<NodeRow>('nodes').where({ tenant_id: tenantId, id });
  const row = await (removal ? query.forUpdate() : query.forNoKeyUpdate()).first(...NODE_COLUMNS);
  return row && toNode(row);
}

/** Like `find`, and nobody removes the node until the transaction ends. */
export async function hold({ db, tenantId }: TenantCall, id: NodeId): Promise<OrgNode | undefined> {
  const row = await db<NodeRow>('nodes')
    .where({ tenant_id: tenantId, id })
    .forKeyShare()
    .first(...NODE_COLUMNS);
  return row && toNode(row);
}

/** A unique index refuses a name that a sibling has. */
export async function update(
  { db, tenantId, now }: TenantCall,
  id: NodeId,
  values: NodeValues & { parentId: NodeId },
): Promise<OrgNode> {
  const [row] = await db<NodeRow>('nodes')
    .where({ tenant_id: tenantId, id })
    .update({ parent_id: values.parentId, ...toColumns(values), updated_at: now })
    .returning([...NODE_COLUMNS]);
  return toNode(row as NodeRow);
}

/** A foreign key refuses a node that has others below it which are not among them. */
export async function remove({ db, tenantId }: TenantCall, ids: readonly NodeId[]): Promise<void> {
  await db.raw('delete from nodes where tenant_id = ? and id = any(?::uuid[])', [tenantId, [...ids]]);
}

/**
 * The node and all above it, the nearest first; one statement. The depth of what can be walked is bounded, whatever a
 * row says.
 */
export async function ancestors({ db, tenantId }: TenantCall, id: NodeId): Promise<OrgNode[]> {
  const { rows } = await db.raw<{ rows: NodeRow[] }>(
    `with recursive up as (
        select ${SELECTED}, 0 as steps from nodes n where n.tenant_id = :tenantId and n.id = :id
        union all
        select ${SELECTED}, up.steps + 1 from up cross join lateral (
            select * from nodes n where n.tenant_id = :tenantId and n.id = up.parent_id offset 0
          ) n where up.steps <= :most
      ) select * from up order by steps`,
    { tenantId, id, most: LIMITS.nodeDepth },
  );
  return rows.map(toNode);
}

/** Offset 0 keeps the planner from joining with all nodes of the tenant: each node is one descent of an index. */
const DOWN = `with recursive down as (
    select n.id, 0 as steps from nodes n where n.tenant_id = :tenantId and n.id = :id
    union all
    select n.id, down.steps + 1 from down cross join lateral (
        select n.id from nodes n where n.tenant_id = :tenantId and n.parent_id = down.id offset 0
      ) n where down.steps < :most
  )`;

/** The ids of the node and of all below it, `limit` at most; one statement. */
export async function subtree({ db, tenantId }: TenantCall, id: NodeId, limit: number): Promise<NodeId[]> {
  const { rows } = await db.raw<{ rows: { id: NodeId }[] }>(`${DOWN} select id from down limit :limit`, {
    tenantId,
    id,
    limit,
    most: LIMITS.nodeDepth,
  });
  return rows.map((row) => row.id);
}

/** Whether there is a node so many steps below. */
export async function reaches({ db, tenantId }: TenantCall, id: NodeId, steps: number): Promise<boolean> {
  const { rows } = await db.raw<{ rows: { deep: boolean }[] }>(
    `${DOWN} select exists (select from down where steps = :most) as deep`,
    { tenantId, id, most: steps },
  );
  return rows[0]!.deep;
}

/** How many nodes stand right below; counting ends at `limit`. */
export async function countChildren({ db, tenantId }: TenantCall, id: NodeId, limit: number): Promise<number> {
  const { rows } = await db.raw<{ rows: { count: string }[] }>(
    'select count(*) from (select from nodes where tenant_id = ? and parent_id = ? limit ?) children',
    [tenantId, id, limit],
  );
  return Number(rows[0]!.count);
}

/** Holds nodes against everybody else until the transaction ends; in one order, so that nobody waits in a ring. */
export async function lockAll({ db, tenantId }: TenantCall, ids: readonly NodeId[]): Promise<void> {
  await db.raw('select from nodes where tenant_id = ? and id = any(?::uuid[]) order by id for update', [
    tenantId,
    [...ids],
  ]);
}
