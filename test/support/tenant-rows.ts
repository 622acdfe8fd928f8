import type pg from 'pg';

/** Every table of tenants, and the column that says whose a row is. Parts of a table are in the whole. */
export async function tenantTables(
  db: pg.Client,
): Promise<{ table: string; column: string; type: string; isForced: boolean }[]> {
  const { rows } = await db.query(
    `select c.relname as table, a.attname as column, a.atttypid::regtype::text as type, c.relforcerowsecurity as "isForced" from pg_class c
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
    ({ table, column, type }) =>
      `select '${table}' as name, md5(string_agg(row, ',' order by row)) as digest
       from (select row_to_json(t)::text as row from "${table}" t where ${column} = $1::text::${type}) rows`,
  );
  const { rows } = await db.query(digests.join(' union all '), [tenantId]);
  return Object.fromEntries(rows.filter(({ digest }) => digest).map(({ name, digest }) => [name, digest]));
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** Of what has keys, secrets and times of the session all over, only how much there is. */
const COUNTED = /^(?:oidc_|passwords|signing_keys|tenant_data_keys)/;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)?/g;

/**
 * What a tenant has in each table, told so that two tenants which were treated alike are alike: instead of an id the table
 * in which it stands, no times, no bytes. What was kept for requests that come again, and the audit trail, are left out.
 */
export async function stateOf(db: pg.Client, tenantId: string, slug: string): Promise<Record<string, string[]>> {
  const names = new Map([[tenantId, 'tenant']]);
  const found: [table: string, rows: string[]][] = [];
  for (const { table, column, type } of await tenantTables(db)) {
    if (/^(?:idempotency_keys|audit_.*|job_file_chunks)$/.test(table)) continue;
    const { rows: all } = await db.query(
      `select to_jsonb(t) as row from "${table}" t where ${column} = $1::text::${type}`,
      [tenantId],
    );
    // Counted in parts, each by whichever connection did it.
    if (table === 'user_counts') {
      found.push([table, [String(all.reduce((sum, { row }) => sum + row.users, 0))]]);
      continue;
    }
    // A file that no job took goes by itself within the hour.
    const rows = all.filter(({ row }) => table !== 'job_files' || row.job_id !== null);
    for (const { row } of rows) if (row.id && table !== 'tenants') names.set(row.id, table);
    found.push([table, rows.map(({ row }) => (COUNTED.test(table) ? 'a row' : JSON.stringify(row)))]);
  }
  const plain = (row: string) =>
    row
      .replace(UUID, (id) => `<${names.get(id) ?? 'id'}>`)
      .replace(TIME, '<time>')
      .replace(/\\\\x[0-9a-f]+/g, '<bytes>')
      .replace(/"sealed":"[\w-]+"/g, '"sealed":"<bytes>"')
      .replace(/\bcli_[0-9A-Z]{26}\b/g, '<client>')
      .replace(/\bp[0-9a-f]{8}@/g, '<somebody>@')
      .replaceAll(slug, '<slug>');
  return Object.fromEntries(
    found.filter(([, rows]) => rows.length > 0).map(([table, rows]) => [table, rows.map(plain).sort()]),
  );
}
