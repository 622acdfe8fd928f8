import type { TenantCall } from '../../kernel/call.ts';
import type { NodeId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { NodeStatus, NodeType, OrgNode } from './node.ts';
import { NODE_COLUMNS, type NodeRow, toNode } from './node-store.ts';

export type NodeFilter = {
  parentId?: NodeId | undefined;
  type?: NodeType | undefined;
  status?: NodeStatus | undefined;
  like?: string | undefined;
};

/** A page of nodes by name, and how many there are in all. */
export async function list(
  { db, tenantId }: TenantCall,
  { parentId, type, status, like }: NodeFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: OrgNode[]; total: number }> {
  const filtered = db<NodeRow>('nodes')
    .where({ tenant_id: tenantId })
    .where((where) => {
      if (parentId) where.where({ parent_id: parentId });
      if (type) where.where({ type });
      if (status) where.where({ status });
      if (like !== undefined)
        where.whereRaw(`(name_key like :like escape '\\' or legal_key like :like escape '\\')`, { like });
    });
  // What is skipped on the way to a page is read from the index alone.
  const shown = filtered.clone().orderBy(['name_key', 'id']).offset(offset).limit(limit).select('id').as('shown');
  const [rows, count] = await Promise.all([
    db<NodeRow>('nodes as n')
      .join(shown, 'shown.id', 'n.id')
      .where({ 'n.tenant_id': tenantId })
      .orderBy(['n.name_key', 'n.id'])
      .select<NodeRow[]>(NODE_COLUMNS.map((column) => `n.${column}`)),
    filtered.clone().count<{ count: string }[]>('* as count'),
  ]);
  return { items: rows.map(toNode), total: Number(count[0]!.count) };
}

/**
 * A node and what is below it as far as `levels`, each parent right before its children, these by name; one statement. Of
 * a larger tree the outermost `limit` nodes.
 */
export async function tree(
  { db, tenantId }: TenantCall,
  root: NodeId,
  { levels, limit }: { levels: number; limit: number },
): Promise<OrgNode[]> {
  const columns = NODE_COLUMNS.map((column) => `n.${column}`).join(', ');
  const { rows } = await db.raw<{ rows: NodeRow[] }>(
    `with recursive down as (
        select ${columns}, 0 as steps, array[n.name_key] as path from nodes n where n.tenant_id = :tenantId and n.id = :root
        union all
        select ${columns}, down.steps + 1, down.path || n.name_key
          from down cross join lateral (
            select * from nodes n where n.tenant_id = :tenantId and n.parent_id = down.id offset 0
          ) n where down.steps < :levels
      ) select * from (select * from down limit :limit) outermost order by path`,
    { tenantId, root, limit, levels: Math.min(levels, LIMITS.nodeDepth) },
  );
  return rows.map(toNode);
}
