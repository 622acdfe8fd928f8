import type { Knex } from 'knex';
import type { TenantCall } from '../../kernel/call.ts';
import type { NodeId, UserId } from '../../kernel/ids.ts';
import type { UserStatus } from '../users/user.ts';
import type { Member, Membership, Place } from './membership.ts';
import type { NodeType } from './node.ts';

type Row = { node_id: NodeId; user_id: UserId; created_at: Date; roles: string[] };
type MemberRow = Row & { email: string; first_name: string | null; last_name: string | null; status: UserStatus };
type PlaceRow = Row & { type: NodeType; name: string };

const ROLES = `array(select r.name from node_member_roles g join roles r on r.tenant_id = g.tenant_id and r.id = g.role_id
  where g.tenant_id = m.tenant_id and g.node_id = m.node_id and g.user_id = m.user_id order by r.name collate "C") as roles`;

const toMembership = (row: Row): Membership => ({
  nodeId: row.node_id,
  userId: row.user_id,
  roles: row.roles,
  createdAt: row.created_at,
});

const toMember = (row: MemberRow): Member => ({
  ...toMembership(row),
  user: { email: row.email, firstName: row.first_name, lastName: row.last_name, status: row.status },
});

const members = ({ db, tenantId }: TenantCall, nodeId: NodeId): Knex.QueryBuilder =>
  db('node_members as m')
    .join('users as u', (on) => on.on('u.tenant_id', 'm.tenant_id').andOn('u.id', 'm.user_id'))
    .where({ 'm.tenant_id': tenantId, 'm.node_id': nodeId });

const selected = (query: Knex.QueryBuilder, { db }: TenantCall): Knex.QueryBuilder =>
  query.select(
    'm.node_id',
    'm.user_id',
    'm.created_at',
    'u.email',
    'u.first_name',
    'u.last_name',
    'u.status',
    db.raw(ROLES),
  );

/** A page of the members of a node by e-mail address, and how many there are in all. */
export async function list(
  tx: TenantCall,
  nodeId: NodeId,
  like: string | undefined,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: Member[]; total: number }> {
  const filtered = members(tx, nodeId).where((where) => {
    if (like !== undefined)
      where.whereRaw(
        `(u.email_canonical ilike :like escape '\\' or u.first_name ilike :like escape '\\' or u.last_name ilike :like escape '\\')`,
        { like },
      );
  });
  const [rows, count] = await Promise.all([
    selected(filtered.clone(), tx).orderByRaw('u.email_canonical collate "C"').offset(offset).limit(limit),
    filtered.clone().count<{ count: string }[]>('* as count'),
  ]);
  return { items: (rows as MemberRow[]).map(toMember), total: Number(count[0]!.count) };
}

export async function find(tx: TenantCall, nodeId: NodeId, userId: UserId): Promise<Member | undefined> {
  const row: MemberRow | undefined = await selected(members(tx, nodeId), tx).where({ 'm.user_id': userId }).first();
  return row && toMember(row);
}

/** All places of a user in the tree, by name. */
export async function placesOf({ db, tenantId }: TenantCall, userId: UserId): Promise<Place[]> {
  const rows: PlaceRow[] = await db('node_members as m')
    .join('nodes as n', (on) => on.on('n.tenant_id', 'm.tenant_id').andOn('n.id', 'm.node_id'))
    .where({ 'm.tenant_id': tenantId, 'm.user_id': userId })
    .orderBy(['n.name_key', 'n.id'])
    .select('m.node_id', 'm.user_id', 'm.created_at', 'n.type', 'n.name', db.raw(ROLES));
  return rows.map((row) => ({ ...toMembership(row), node: { type: row.type, name: row.name } }));
}

/** To how many nodes a user belongs; counting ends at `limit`. */
export async function countOf({ db, tenantId }: TenantCall, userId: UserId, limit: number): Promise<number> {
  const { rows } = await db.raw<{ rows: { count: string }[] }>(
    'select count(*) from (select from node_members where tenant_id = ? and user_id = ? limit ?) places',
    [tenantId, userId, limit],
  );
  return Number(rows[0]!.count);
}

/** Whether the user has joined by this. */
export async function insert({ db, tenantId, now }: TenantCall, nodeId: NodeId, userId: UserId): Promise<boolean> {
  const rows = await db('node_members')
    .insert({ tenant_id: tenantId, node_id: nodeId, user_id: userId, created_at: now })
    .onConflict()
    .ignore()
    .returning('user_id');
  return rows.length === 1;
}

/** Takes a member out, with all that they may do there. Whether there was one. */
export async function remove({ db, tenantId }: TenantCall, nodeId: NodeId, userId: UserId): Promise<boolean> {
  const count = await db('node_members').where({ tenant_id: tenantId, node_id: nodeId, user_id: userId }).delete();
  return count === 1;
}

/** Holds all memberships of these nodes until the transaction ends, in one order. Gives how many there are. */
export async function lockMembers({ db, tenantId }: TenantCall, nodeIds: readonly NodeId[]): Promise<number> {
  const { rows } = await db.raw<{ rows: { count: string }[] }>(
    `select count(*) from (select from node_members where tenant_id = ? and node_id = any(?::uuid[])
      order by node_id, user_id for update) held`,
    [tenantId, [...nodeIds]],
  );
  return Number(rows[0]!.count);
}
