import type { OperatorCall } from '../../kernel/call.ts';
import type { NodeId, TenantId, UserId } from '../../kernel/ids.ts';

export type MemberKey = { tenantId: TenantId; nodeId: NodeId; userId: UserId };
export type OwnedMembership = MemberKey & { roles: string[] };

type Row = { tenant_id: TenantId; node_id: NodeId; user_id: UserId; roles: string[] };

const owned = (row: Row): OwnedMembership => ({
  tenantId: row.tenant_id,
  nodeId: row.node_id,
  userId: row.user_id,
  roles: row.roles,
});

const SELECT = `select m.tenant_id, m.node_id, m.user_id, array(
    select r.name from node_member_roles g join roles r on r.tenant_id = g.tenant_id and r.id = g.role_id
      where g.tenant_id = m.tenant_id and g.node_id = m.node_id and g.user_id = m.user_id order by r.name collate "C"
  ) as roles from node_members m`;

/** Writes memberships of any tenants; one that is there stays. One statement. */
export async function insertAll({ db, now }: OperatorCall, members: readonly MemberKey[]): Promise<void> {
  await db('node_members')
    .insert(
      members.map(({ tenantId, nodeId, userId }) => ({
        tenant_id: tenantId,
        node_id: nodeId,
        user_id: userId,
        created_at: now,
      })),
    )
    .onConflict()
    .ignore();
}

/** Those of the users who belong to more than `most` nodes. */
export async function overfull(
  { db }: OperatorCall,
  users: readonly { tenantId: TenantId; userId: UserId }[],
  most: number,
): Promise<UserId[]> {
  const { rows } = await db.raw<{ rows: { user_id: UserId }[] }>(
    `select user_id from node_members where (tenant_id, user_id) in (select * from unnest(?::uuid[], ?::uuid[]))
      group by user_id having count(*) > ?`,
    [users.map(({ tenantId }) => tenantId), users.map(({ userId }) => userId), most],
  );
  return rows.map((row) => row.user_id);
}

/** Those that exist of the named memberships, with their roles by name. */
export async function findNamed({ db }: OperatorCall, members: readonly MemberKey[]): Promise<OwnedMembership[]> {
  const { rows } = await db.raw<{ rows: Row[] }>(
    `${SELECT} where (m.tenant_id, m.node_id, m.user_id) in (select * from unnest(?::uuid[], ?::uuid[], ?::uuid[]))`,
    [members.map(({ tenantId }) => tenantId), members.map(({ nodeId }) => nodeId), members.map(({ userId }) => userId)],
  );
  return rows.map(owned);
}

/** All memberships of several tenants, with their roles by name. */
export async function listOf({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<OwnedMembership[]> {
  const { rows } = await db.raw<{ rows: Row[] }>(`${SELECT} where m.tenant_id = any(?::uuid[])`, [[...tenantIds]]);
  return rows.map(owned);
}

export async function countByTenant(
  { db }: OperatorCall,
  tenantIds: readonly TenantId[],
): Promise<Map<TenantId, number>> {
  const { rows } = await db.raw<{ rows: { tenant_id: TenantId; count: string }[] }>(
    'select tenant_id, count(*) from node_members where tenant_id = any(?::uuid[]) group by tenant_id',
    [[...tenantIds]],
  );
  return new Map(rows.map((row) => [row.tenant_id, Number(row.count)]));
}
