import type { Actor, OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { NodeId, RoleId, TenantId, UserId } from '../../kernel/ids.ts';
import type { Role } from './role.ts';
import { ROLE_COLUMNS, type RoleRow, toRole } from './role-store.ts';

/** Who can have roles: a user in the whole tenant, a client for itself, a member at a node. */
export type Holder =
  | { kind: 'user'; userId: UserId }
  | { kind: 'client'; clientId: string }
  | { kind: 'member'; nodeId: NodeId; userId: UserId };

export type Grant = { tenantId: TenantId; holder: Holder; roleId: RoleId };

const TABLES = { user: 'user_roles', client: 'client_roles', member: 'node_member_roles' } as const;

const keyOf = (holder: Holder) => {
  if (holder.kind === 'user') return { user_id: holder.userId };
  if (holder.kind === 'client') return { client_id: holder.clientId };
  return { node_id: holder.nodeId, user_id: holder.userId };
};

const userOf = (actor: Actor): UserId | null => (actor.kind === 'user' ? actor.userId : null);

const held = (db: TenantCall['db'], table: string) =>
  db(`${table} as g`).join('roles as r', (on) => on.on('r.tenant_id', 'g.tenant_id').andOn('r.id', 'g.role_id'));

const columnsOf = (alias: string) => ROLE_COLUMNS.map((column) => `${alias}.${column}`);

/** The roles of one holder, by name. */
export async function rolesOf({ db, tenantId }: TenantCall, holder: Holder): Promise<Role[]> {
  const key = Object.entries(keyOf(holder)).map(([column, value]) => [`g.${column}`, value]);
  const rows = await held(db, TABLES[holder.kind])
    .where({ 'g.tenant_id': tenantId, ...Object.fromEntries(key) })
    .orderByRaw('r.name collate "C"')
    .select<RoleRow[]>(columnsOf('r'));
  return rows.map(toRole);
}

/** Whether somebody may still act in the tenant: they, their key and the tenant are there, and not barred. */
export async function isThere(
  { db, tenantId, now }: TenantCall,
  actor: Extract<Actor, { kind: 'user' | 'client' | 'api-key' }>,
): Promise<boolean> {
  const owner = actor.kind === 'api-key' ? actor.owner : actor;
  const within = { tenant_id: tenantId };
  const query = db('tenants').where({ id: tenantId, status: 'active' });
  if (owner?.kind === 'user') query.whereExists(db('users').where({ ...within, id: owner.userId, status: 'active' }));
  if (owner?.kind === 'client')
    query.whereExists(db('clients').where({ ...within, client_id: owner.clientId, status: 'active' }));
  if (actor.kind === 'api-key')
    query.whereExists(
      db('api_keys')
        .where({ ...within, id: actor.keyId })
        .andWhere((one) => one.whereNull('expires_at').orWhere('expires_at', '>', now)),
    );
  return (await query.first('id')) !== undefined;
}

/** Every role that a user has, in the tenant or at one of its nodes; each once. */
export async function rolesEverywhere({ db, tenantId }: TenantCall, userId: UserId): Promise<Role[]> {
  const rows = await db<RoleRow>('roles')
    .where({ tenant_id: tenantId })
    .whereRaw(
      `id in (select role_id from user_roles where tenant_id = :tenantId and user_id = :userId
        union select role_id from node_member_roles where tenant_id = :tenantId and user_id = :userId)`,
      { tenantId, userId },
    )
    .orderByRaw('name collate "C"')
    .select(...ROLE_COLUMNS);
  return rows.map(toRole);
}

/** Every role that somebody has at one of these nodes; each once. */
export async function rolesAtNodes({ db, tenantId }: TenantCall, nodeIds: readonly NodeId[]): Promise<Role[]> {
  const rows = await db<RoleRow>('roles')
    .where({ tenant_id: tenantId })
    .whereRaw('id in (select role_id from node_member_roles where tenant_id = ? and node_id = any(?::uuid[]))', [
      tenantId,
      [...nodeIds],
    ])
    .select(...ROLE_COLUMNS);
  return rows.map(toRole);
}

/** The names of the roles of several users of several tenants, by name. */
export async function namesOfUsers(
  { db }: OperatorCall,
  users: readonly { tenantId: TenantId; userId: UserId }[],
): Promise<{ tenantId: TenantId; userId: UserId; name: string }[]> {
  return held(db, TABLES.user)
    .whereRaw('(g.tenant_id, g.user_id) in (select * from unnest(?::uuid[], ?::uuid[]))', [
      users.map(({ tenantId }) => tenantId),
      users.map(({ userId }) => userId),
    ])
    .orderBy('r.name')
    .select({ tenantId: 'g.tenant_id', userId: 'g.user_id', name: 'r.name' });
}

/** The names of the roles of all clients of several tenants, by name. */
export async function namesOfClients(
  { db }: OperatorCall,
  tenantIds: readonly TenantId[],
): Promise<{ tenantId: TenantId; clientId: string; name: string }[]> {
  return held(db, TABLES.client)
    .whereRaw('g.tenant_id = any(?::uuid[])', [[...tenantIds]])
    .orderByRaw('r.name collate "C"')
    .select({ tenantId: 'g.tenant_id', clientId: 'g.client_id', name: 'r.name' });
}

/** Gives roles to holders of one kind, of any tenants; one that a holder has stays. One statement. */
export async function grant({ db, now, actor }: OperatorCall, grants: readonly Grant[]): Promise<void> {
  const [first] = grants;
  if (!first) return;
  await db(TABLES[first.holder.kind])
    .insert(
      grants.map(({ tenantId, holder, roleId }) => ({
        tenant_id: tenantId,
        ...keyOf(holder),
        role_id: roleId,
        granted_at: now,
        granted_by: userOf(actor),
      })),
    )
    .onConflict()
    .ignore();
}

export async function revoke({ db, tenantId }: TenantCall, holder: Holder, roleIds: readonly RoleId[]): Promise<void> {
  await db(TABLES[holder.kind])
    .where({ tenant_id: tenantId, ...keyOf(holder) })
    .whereIn('role_id', [...roleIds])
    .delete();
}

/** Holds a user's row until the transaction ends, so that their roles change one after the other. Gives the status. */
export async function lockUser({ db, tenantId }: TenantCall, userId: UserId): Promise<string | undefined> {
  const row = await db('users').where({ tenant_id: tenantId, id: userId }).forNoKeyUpdate().first('status');
  return row?.status;
}

/** The same for a client; tells whether it may act for itself (`client_credentials`). */
export async function lockClient(
  { db, tenantId }: TenantCall,
  clientId: string,
): Promise<{ actsForItself: boolean } | undefined> {
  const row = await db('clients')
    .where({ tenant_id: tenantId, client_id: clientId })
    .forNoKeyUpdate()
    .first(db.raw(`metadata -> 'grant_types' @> '["client_credentials"]' as acts_for_itself`));
  return row && { actsForItself: row.acts_for_itself === true };
}

export async function isUser({ db, tenantId }: TenantCall, userId: UserId): Promise<boolean> {
  return (await db('users').where({ tenant_id: tenantId, id: userId }).first('id')) !== undefined;
}

export async function isClient({ db, tenantId }: TenantCall, clientId: string): Promise<boolean> {
  return (await db('clients').where({ tenant_id: tenantId, client_id: clientId }).first('client_id')) !== undefined;
}

/** An active user who has a role, other than one; nobody when that one is the last. */
export async function activeHolders({ db, tenantId }: TenantCall, roleId: RoleId, except: UserId): Promise<UserId[]> {
  return db('user_roles as ur')
    .join('users as u', (on) => on.on('u.tenant_id', 'ur.tenant_id').andOn('u.id', 'ur.user_id'))
    .where({ 'ur.tenant_id': tenantId, 'ur.role_id': roleId, 'u.status': 'active' })
    .whereNot({ 'ur.user_id': except })
    .limit(1)
    .pluck('ur.user_id');
}

/** Active users who hold a role, the first of them by id. */
export async function holders({ db, tenantId }: TenantCall, name: string, limit: number): Promise<UserId[]> {
  return db('roles as r')
    .join('user_roles as ur', (on) => on.on('ur.tenant_id', 'r.tenant_id').andOn('ur.role_id', 'r.id'))
    .join('users as u', (on) => on.on('u.tenant_id', 'ur.tenant_id').andOn('u.id', 'ur.user_id'))
    .where({ 'r.tenant_id': tenantId, 'r.name': name, 'u.status': 'active' })
    .orderBy('u.id')
    .limit(limit)
    .pluck('u.id');
}
