import type { Knex } from 'knex';

/** What row-level security asks once, and where memory went. */
const NOISE =
  /^\s*(InitPlan \d+$|-> {2}Result |Filter: \(\(tenant_id = \(InitPlan|Storage:|Sort Method:|Heap Blocks:|Recheck Cond:)/;

/** What PostgreSQL did for a statement with `$1`, `$2`: its plan, as it ran, without what differs from run to run. */
export async function explained(db: Knex, text: string, values: readonly string[]): Promise<string> {
  const types = values.map((value) => (/^[0-9a-f-]{36}$/.test(value) ? 'uuid' : 'text')).join(', ');
  await db.raw(`prepare explained (${types}) as ${text.replaceAll('?', '\\?')}`);
  const quoted = values.map((value) => `'${value}'`).join(', ');
  const { rows } = await db.raw<{ rows: { 'QUERY PLAN': string }[] }>(
    `explain (analyze, costs off, buffers off, timing off, summary on) execute explained(${quoted})`,
  );
  await db.raw('deallocate explained');
  return rows
    .map((row) => row['QUERY PLAN'].replace(/'[0-9a-f-]{36}'::uuid/g, '$'))
    .filter((line) => !NOISE.test(line))
    .join('\n');
}
