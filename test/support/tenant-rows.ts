import type pg from 'pg';

/** Every table of tenants, and the column that says whose a row is. Parts of a table are in the whole. */
export async function tenantTables(db: pg.Client): Promise<{ table: string; column: string; isForced: boolean }[]> {
  const { rows } = await db.query(
    `select c.relname as table, a.attname as column, c.relforcerowsecurity as "isForced" from pg_class c
       join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
       join pg_attribute a on a.attrelid = c.oid and a.attname = case c.relname when 'tenants' then 'id' else 'tenant_id' end
     where c.relkind in ('r', 'p') and not c.relispartition and not a.attisdropped order by 1`,
  );
  return rows;
}

/** What a tenant has in each table, as one digest; tables in which it has nothing are left out. */
export async function digestOf(db: pg.Client, tenantId: string): Promise<Record<string, string>> {
  const tables = await tenantTables(db);
  const digests = tables.map(
    ({ table, column }) =>
      `select '${table}' as name, md5(string_agg(row, ',' order by row)) as digest
       from (select row_to_json(t)::text as row from "${table}" t where ${column}::text = $1) rows`,
  );
  const { rows } = await db.query(digests.join(' union all '), [tenantId]);
  return Object.fromEntries(rows.filter(({ digest }) => digest).map(({ name, digest }) => [name, digest]));
}
