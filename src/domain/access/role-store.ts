import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { RoleId, TenantId, UserId } from '../../kernel/ids.ts';
import type { NewRole, Role } from './role.ts';

type Row = {
  tenant_id: TenantId;
  id: RoleId;
  name: string;
  display_name: string;
  description: string | null;
  system: boolean;
  permissions: string[];
};

const COLUMNS = ['id', 'name', 'display_name', 'description', 'system', 'permissions'] as const;

const toRole = (row: Omit<Row, 'tenant_id'>): Role => ({
  id: row.id,
  name: row.name,
  displayName: row.display_name,
  description: row.description,
  system: row.system,
  permissions: row.permissions,
});

export type OwnedRole = { tenantId: TenantId; role: Role };
export type Grant = { tenantId: TenantId; userId: UserId; roleId: RoleId };

/** Writes roles of any tenants whose name is free there; one statement. Returns those that were written. */
export async function insert(
  { db, now }: OperatorCall,
  roles: readonly (NewRole & { tenantId: TenantId; id: RoleId; system: boolean })[],
): Promise<OwnedRole[]> {
  const rows = await db<Row>('roles')
    .insert(
      roles.map((role) => ({
        tenant_id: role.tenantId,
        id: role.id,
        name: role.name,
        display_name: role.displayName,
        description: role.description,
        system: role.system,
        permissions: role.permissions,
        created_at: now,
        updated_at: now,
      })),
    )
    .onConflict(['tenant_id', 'name'])
    .ignore()
    .returning(['tenant_id', ...COLUMNS]);
  return rows.map((row) => ({ tenantId: row.tenant_id, role: toRole(row) }));
}

export async function list({ db, tenantId }: TenantCall): Promise<Role[]> {
  const rows = await db<Row>('roles')
    .where({ tenant_id: tenantId })
    .orderBy('name')
    .select(...COLUMNS);
  return rows.map(toRole);
}

/** All roles of several tenants, by tenant and name. */
export async function listOf({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<OwnedRole[]> {
  const rows = await db<Row>('roles')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .orderBy(['tenant_id', 'name'])
    .select('tenant_id', ...COLUMNS);
  return rows.map((row) => ({ tenantId: row.tenant_id, role: toRole(row) }));
}

export async function find({ db, tenantId }: TenantCall, id: RoleId): Promise<Role | undefined> {
  const row = await db<Row>('roles')
    .where({ tenant_id: tenantId, id })
    .first(...COLUMNS);
  return row && toRole(row);
}

/** Like `find`, and holds the row until the transaction ends. */
export async function lock({ db, tenantId }: TenantCall, id: RoleId): Promise<Role | undefined> {
  const row = await db<Row>('roles')
    .where({ tenant_id: tenantId, id })
    .forUpdate()
    .first(...COLUMNS);
  return row && toRole(row);
}

export async function findByNames({ db, tenantId }: TenantCall, names: readonly string[]): Promise<Role[]> {
  const rows = await db<Row>('roles')
    .where({ tenant_id: tenantId })
    .whereIn('name', [...names])
    .orderBy('name')
    .select(...COLUMNS);
  return rows.map(toRole);
}

export async function update(
  { db, tenantId, now }: TenantCall,
  id: RoleId,
  role: Omit<NewRole, 'name'>,
): Promise<Role> {
  const [row] = await db<Row>('roles')
    .where({ tenant_id: tenantId, id })
    .update({
      display_name: role.displayName,
      description: role.description,
      permissions: role.permissions,
      updated_at: now,
    } as object)
    .returning([...COLUMNS]);
  return toRole(row as Row);
}

export async function remove({ db, tenantId }: TenantCall, id: RoleId): Promise<void> {
  await db<Row>('roles').where({ tenant_id: tenantId, id }).delete();
}

const held = (db: TenantCall['db']) =>
  db('user_roles as ur').join('roles as r', (on) => on.on('r.tenant_id', 'ur.tenant_id').andOn('r.id', 'ur.role_id'));

export async function ofUser({ db, tenantId }: TenantCall, userId: UserId): Promise<Role[]> {
  const rows = await held(db)
    .where({ 'ur.tenant_id': tenantId, 'ur.user_id': userId })
    .orderBy('r.name')
    .select<Row[]>(COLUMNS.map((column) => `r.${column}`));
  return rows.map(toRole);
}

/** The names of the roles of several users of several tenants. */
export async function namesOfUsers(
  { db }: OperatorCall,
  users: readonly { tenantId: TenantId; userId: UserId }[],
): Promise<{ tenantId: TenantId; userId: UserId; name: string }[]> {
  return held(db)
    .whereRaw('(ur.tenant_id, ur.user_id) in (select * from unnest(?::uuid[], ?::uuid[]))', [
      users.map(({ tenantId }) => tenantId),
      users.map(({ userId }) => userId),
    ])
    .orderBy('r.name')
    .select({ tenantId: 'ur.tenant_id', userId: 'ur.user_id', name: 'r.name' });
}

/** Gives roles to users of any tenants; one that a user has stays. One statement. */
export async function grant({ db, now }: OperatorCall, grants: readonly Grant[]): Promise<void> {
  await db('user_roles')
    .insert(
      grants.map(({ tenantId, userId, roleId }) => ({
        tenant_id: tenantId,
        user_id: userId,
        role_id: roleId,
        granted_at: now,
      })),
    )
    .onConflict()
    .ignore();
}

export async function revoke({ db, tenantId }: TenantCall, userId: UserId, roleIds: readonly RoleId[]): Promise<void> {
  await db('user_roles')
    .where({ tenant_id: tenantId, user_id: userId })
    .whereIn('role_id', [...roleIds])
    .delete();
}

/** Holds a user's row until the transaction ends, so that their roles change one after the other. */
export async function lockUser({ db, tenantId }: TenantCall, userId: UserId): Promise<boolean> {
  const row = await db('users').where({ tenant_id: tenantId, id: userId }).forNoKeyUpdate().first('id');
  return row !== undefined;
}

/** Holds a role's row until the transaction ends; granting the role to somebody does not wait for it. */
export async function lockByName({ db, tenantId }: TenantCall, name: string): Promise<RoleId | undefined> {
  const row = await db<Row>('roles').where({ tenant_id: tenantId, name }).forNoKeyUpdate().first('id');
  return row?.id;
}

/** An active user who holds a role, other than one; nobody when that one is the last. */
export async function activeHolders({ db, tenantId }: TenantCall, roleId: RoleId, except: UserId): Promise<UserId[]> {
  return db('user_roles as ur')
    .join('users as u', (on) => on.on('u.tenant_id', 'ur.tenant_id').andOn('u.id', 'ur.user_id'))
    .where({ 'ur.tenant_id': tenantId, 'ur.role_id': roleId, 'u.status': 'active' })
    .whereNot({ 'ur.user_id': except })
    .limit(1)
    .pluck('ur.user_id');
}
