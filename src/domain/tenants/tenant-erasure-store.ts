import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';

/** A table that has rows of tenants, and where its rows name others. */
export type TenantTable = {
  name: string;
  names: readonly { table: string; by: readonly string[]; its: readonly string[] }[];
};

/** Every table with rows of tenants, as the database itself knows them: one that a migration has added is among them. */
export async function tenantTables({ db }: OperatorCall): Promise<TenantTable[]> {
  const { rows } = await db.raw<{ rows: TenantTable[] }>(`
    select c.relname as name, coalesce((
        select json_agg(json_build_object('table', f.confrelid::regclass::text,
          'by', (select json_agg(a.attname order by k.at) from unnest(f.conkey) with ordinality k (num, at)
            join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.num),
          'its', (select json_agg(a.attname order by k.at) from unnest(f.confkey) with ordinality k (num, at)
            join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.num)))
        from pg_constraint f where f.conrelid = c.oid and f.contype = 'f'), '[]') as names
    from pg_class c join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
    where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace order by c.relname`);
  return rows;
}

/** Tenants that were deleted before then, the first of them first. */
export async function deletedBefore({ db }: OperatorCall, before: Date, limit: number): Promise<TenantId[]> {
  return db('tenants').where('deleted_at', '<', before).orderBy('deleted_at').limit(limit).pluck('id');
}

/** Holds a tenant that was deleted before then until the transaction ends. */
export async function lockDeleted(
  { db, tenantId }: TenantCall,
  before: Date,
): Promise<{ slug: string; deleted_at: Date } | undefined> {
  return db('tenants').where({ id: tenantId }).where('deleted_at', '<', before).forUpdate().first('slug', 'deleted_at');
}

/**
 * Deletes at most `limit` of the tenant's rows; of rows that name others of their own table, those that none names.
 *
 * @returns how many went
 */
export async function deleteSome(
  { db, tenantId }: TenantCall,
  { name, names }: TenantTable,
  limit: number,
): Promise<number> {
  const rows = db(`${name} as r`).where('r.tenant_id', tenantId).select('r.ctid').limit(limit);
  for (const { by, its } of names.filter(({ table }) => table === name))
    rows.whereNotExists((inner) =>
      by.reduce(
        (query, column, at) => query.whereRaw('?? = ??', [`n.${column}`, `r.${its[at]}`]),
        inner.from(`${name} as n`),
      ),
    );
  return db(name).whereRaw('ctid = any(array(?))', [rows]).delete();
}

/** The tenant itself, and what still belongs to it by a foreign key. */
export async function deleteTenant({ db, tenantId }: TenantCall): Promise<void> {
  await db('tenants').where({ id: tenantId }).delete();
}
