import type pg from 'pg';

export type Change = { id: string; topic: string };

/** The channel of `announce()` (migration `ground`). */
export async function listen(client: pg.Client): Promise<void> {
  await client.query('listen gatehouse');
}

const RECENT = {
  name: 'changes_recent',
  text: `select id, topic from changes where at > coalesce($1::timestamptz, clock_timestamp()) - interval '30 seconds' order by id limit $2`,
};

/** The database's clock, by which `at` is written. */
export async function clock(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ now: string }>('select clock_timestamp()::text as now');
  return rows[0]!.now;
}

/** What changed since 30 s before `since`; a transaction may commit that much later than it wrote the row. */
export async function recent(client: pg.Client, since: string | undefined, limit: number): Promise<Change[]> {
  return (await client.query<Change>({ ...RECENT, values: [since ?? null, limit] })).rows;
}
