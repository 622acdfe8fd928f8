import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { RoleId, TenantId } from '../../kernel/ids.ts';
import type { NewRole, Role } from './role.ts';

export type RoleRow = {
  tenant_id: TenantId;
  id: RoleId;
  name: string;
  display_name: string;
  description: string | null;
  category: string | null;
  system: boolean;
  permissions: string[];
  created_at: Date;
  updated_at: Date;
};

export const ROLE_COLUMNS = [
  'id',
  'name',
  'display_name',
  'description',
  'category',
  'system',
  'permissions',
  'created_at',
  'updated_at',
] as const;

export const toRole = (row: Omit<RoleRow, 'tenant_id'>): Role => ({
  id: row.id,
  name: row.name,
  displayName: row.display_name,
  description: row.description,
  category: row.category,
  system: row.system,
  permissions: row.permissions,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export type OwnedRole = { tenantId: TenantId; role: Role };

/** Writes roles of any tenants whose name is free there; one statement. Returns those that were written. */
export async function insert(
  { db, now }: OperatorCall,
  roles: readonly (NewRole & { tenantId: TenantId; id: RoleId; system: boolean })[],
): Promise<OwnedRole[]> {
  const rows = await db<RoleRow>('roles')
    .insert(
      roles.map((role) => ({
        tenant_id: role.tenantId,
        id: role.id,
        name: role.name,
        display_name: role.displayName,
        description: role.description,
        category: role.category,
        system: role.system,
        permissions: role.permissions,
        created_at: now,
        updated_at: now,
      })),
    )
    .onConflict(['tenant_id', 'name'])
    .ignore()
    .returning(['tenant_id', ...ROLE_COLUMNS]);
  return rows.map((row) => ({ tenantId: row.tenant_id, role: toRole(row) }));
}

export type RoleFilter = { category?: string | undefined; like?: string | undefined };

/** A page of roles by name, and how many there are in all. */
export async function list(
  { db, tenantId }: TenantCall,
  { category, like }: RoleFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: Role[]; total: number }> {
  const filtered = db<RoleRow>('roles')
    .where({ tenant_id: tenantId })
    .where((where) => {
      if (category !== undefined) where.where({ category });
      if (like !== undefined)
        where.whereRaw(`(name ilike :like escape '\\' or display_name ilike :like escape '\\')`, { like });
    });
  const [rows, count] = await Promise.all([
    filtered
      .clone()
      .orderByRaw('name collate "C"')
      .offset(offset)
      .limit(limit)
      .select(...ROLE_COLUMNS),
    filtered.clone().count<{ count: string }[]>('* as count'),
  ]);
  return { items: rows.map(toRole), total: Number(count[0]!.count) };
}

/** All roles of several tenants, by tenant and name. */
export async function listOf({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<OwnedRole[]> {
  const rows = await db<RoleRow>('roles')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .orderBy(['tenant_id', 'name'])
    .select('tenant_id', ...ROLE_COLUMNS);
  return rows.map((row) => ({ tenantId: row.tenant_id, role: toRole(row) }));
}

export async function find({ db, tenantId }: TenantCall, id: RoleId): Promise<Role | undefined> {
  const row = await db<RoleRow>('roles')
    .where({ tenant_id: tenantId, id })
    .first(...ROLE_COLUMNS);
  return row && toRole(row);
}

/** Like `find`, and holds the row until the transaction ends. */
export async function lock({ db, tenantId }: TenantCall, id: RoleId): Promise<Role | undefined> {
  const row = await db<RoleRow>('roles')
    .where({ tenant_id: tenantId, id })
    .forUpdate()
    .first(...ROLE_COLUMNS);
  return row && toRole(row);
}

/**
 * The roles of these names, as they will stay until the transaction ends: who is about to be given one is not given more
 * than what was looked at.
 */
export async function holdByNames({ db, tenantId }: TenantCall, names: readonly string[]): Promise<Role[]> {
  const rows = await db<RoleRow>('roles')
    .where({ tenant_id: tenantId })
    .whereIn('name', [...names])
    .orderBy('id')
    .forKeyShare()
    .select(...ROLE_COLUMNS);
  return rows.map(toRole).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Holds a role's row until the transaction ends; giving the role to somebody does not wait for it. */
export async function lockByName({ db, tenantId }: TenantCall, name: string): Promise<RoleId | undefined> {
  const row = await db<RoleRow>('roles').where({ tenant_id: tenantId, name }).forNoKeyUpdate().first('id');
  return row?.id;
}

export async function update(
  { db, tenantId, now }: TenantCall,
  id: RoleId,
  role: Omit<NewRole, 'name'>,
): Promise<Role> {
  const [row] = await db<RoleRow>('roles')
    .where({ tenant_id: tenantId, id })
    .update({
      display_name: role.displayName,
      description: role.description,
      category: role.category,
      permissions: role.permissions,
      updated_at: now,
    } as object)
    .returning([...ROLE_COLUMNS]);
  return toRole(row as RoleRow);
}

export async function remove({ db, tenantId }: TenantCall, id: RoleId): Promise<void> {
  await db<RoleRow>('roles').where({ tenant_id: tenantId, id }).delete();
}

/** The names of roles that have a permission, in order; `limit` at most. */
export async function namesWith({ db, tenantId }: TenantCall, permission: string, limit: number): Promise<string[]> {
  return db<RoleRow>('roles')
    .where({ tenant_id: tenantId })
    .whereRaw('permissions @> array[?]', [permission])
    .orderByRaw('name collate "C"')
    .limit(limit)
    .pluck('name');
}
