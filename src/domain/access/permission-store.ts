import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { PermissionId, TenantId } from '../../kernel/ids.ts';
import type { NewPermission, PermissionEntry } from './permission.ts';

type Row = { tenant_id: TenantId; id: PermissionId; name: string; description: string | null };

const COLUMNS = ['id', 'name', 'description'] as const;

const toEntry = (row: Omit<Row, 'tenant_id'>): PermissionEntry => ({
  id: row.id,
  name: row.name,
  description: row.description,
  system: false,
});

export type OwnedPermission = { tenantId: TenantId; permission: PermissionEntry };

/** Writes permissions of any tenants whose name is free there; one statement. Returns those that were written. */
export async function insert(
  { db, now }: OperatorCall,
  permissions: readonly (NewPermission & { tenantId: TenantId; id: PermissionId })[],
): Promise<OwnedPermission[]> {
  const rows = await db<Row>('permissions')
    .insert(
      permissions.map(({ tenantId, id, name, description }) => ({
        tenant_id: tenantId,
        id,
        name,
        description,
        created_at: now,
        updated_at: now,
      })),
    )
    .onConflict(['tenant_id', 'name'])
    .ignore()
    .returning(['tenant_id', ...COLUMNS]);
  return rows.map((row) => ({ tenantId: row.tenant_id, permission: toEntry(row) }));
}

/** Those of the names that are in the catalogue, which stay there until the transaction ends. */
export async function hold(
  { db }: OperatorCall,
  named: readonly { tenantId: TenantId; name: string }[],
): Promise<{ tenantId: TenantId; name: string }[]> {
  return db<Row>('permissions')
    .whereRaw('(tenant_id, name) in (select * from unnest(?::uuid[], ?::text[]))', [
      named.map(({ tenantId }) => tenantId),
      named.map(({ name }) => name),
    ])
    .orderBy('id')
    .forKeyShare()
    .select({ tenantId: 'tenant_id', name: 'name' });
}

/** A page of the tenant's own by name, and how many there are in all. */
export async function list(
  { db, tenantId }: TenantCall,
  like: string | undefined,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: PermissionEntry[]; total: number }> {
  const filtered = db<Row>('permissions')
    .where({ tenant_id: tenantId })
    .where((where) => {
      if (like !== undefined)
        where.whereRaw(`(name ilike :like escape '\\' or description ilike :like escape '\\')`, { like });
    });
  const [rows, count] = await Promise.all([
    filtered
      .clone()
      .orderByRaw('name collate "C"')
      .offset(offset)
      .limit(limit)
      .select(...COLUMNS),
    filtered.clone().count<{ count: string }[]>('* as count'),
  ]);
  return { items: rows.map(toEntry), total: Number(count[0]!.count) };
}

/** All of several tenants, by tenant and name. */
export async function listOf({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<OwnedPermission[]> {
  const rows = await db<Row>('permissions')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .orderByRaw('tenant_id, name collate "C"')
    .select('tenant_id', ...COLUMNS);
  return rows.map((row) => ({ tenantId: row.tenant_id, permission: toEntry(row) }));
}

/** Holds a row until the transaction ends: no role can take the permission up meanwhile. */
export async function lock({ db, tenantId }: TenantCall, id: PermissionId): Promise<PermissionEntry | undefined> {
  const row = await db<Row>('permissions')
    .where({ tenant_id: tenantId, id })
    .forUpdate()
    .first(...COLUMNS);
  return row && toEntry(row);
}

export async function describe(
  { db, tenantId, now }: TenantCall,
  id: PermissionId,
  description: string | null,
): Promise<PermissionEntry> {
  const [row] = await db<Row>('permissions')
    .where({ tenant_id: tenantId, id })
    .update({ description, updated_at: now } as object)
    .returning([...COLUMNS]);
  return toEntry(row as Row);
}

export async function remove({ db, tenantId }: TenantCall, id: PermissionId): Promise<void> {
  await db<Row>('permissions').where({ tenant_id: tenantId, id }).delete();
}
