import type { Knex } from 'knex';

/**
 * What is dead, table by table. A sweep is of all tenants: the only statements of the house that name no tenant. The
 * minute of grace covers the clocks of clients and nodes.
 */
const DEAD = {
  oidc_token: `expires_at < now() - interval '1 minute'`,
  oidc_refresh_chain: `expires_at < now() - interval '1 minute'`,
  oidc_transient: `expires_at < now() - interval '1 minute'`,
  oidc_replay: `expires_at < now() - interval '1 minute'`,
  // After what was issued under them, and only when that is gone: a cascade would wait for the rows that requests hold.
  oidc_grant: `expires_at < now() - interval '1 minute'
    and not exists (select from oidc_token t where t.tenant_id = oidc_grant.tenant_id and t.grant_id = oidc_grant.id)
    and not exists (select from oidc_refresh_chain c where c.tenant_id = oidc_grant.tenant_id and c.grant_id = oidc_grant.id)`,
  idempotency_keys: `expires_at < now() - interval '1 minute'`,
  changes: `at < now() - interval '1 hour'`,
  // rate-limiter-flexible writes milliseconds since 1970
  rate_limits: `expire < extract(epoch from now()) * 1000 - 60000`,
} as const;

/** Seldom, since no index serves them. What nobody could deliver stays for a month, to be seen. */
const SELDOM = {
  outbox: `delivered_at < now() - interval '7 days' or dead_at < now() - interval '30 days'`,
  outbox_lanes: `failing_since < now() - interval '30 days'`,
} as const;

/** Behind row-level security, which the sweep opens. The others are exempt from it. */
const SHUT: ReadonlySet<string> = new Set(['idempotency_keys']);

export type SweptTable = keyof typeof DEAD | keyof typeof SELDOM;

export const EACH_MINUTE = Object.keys(DEAD) as (keyof typeof DEAD)[];
export const EACH_HOUR = Object.keys(SELDOM) as (keyof typeof SELDOM)[];

/**
 * Deletes at most `limit` dead rows. Rows that a request holds at this moment are left for the next sweep.
 *
 * @returns how many went
 */
export async function deleteDead(db: Knex, table: SweptTable, limit: number): Promise<number> {
  const dead = { ...DEAD, ...SELDOM }[table];
  const statement = `delete from ${table} where ctid = any(
    array(select ctid from ${table} where ${dead} limit ? for update of ${table} skip locked))`;
  if (!SHUT.has(table)) return (await db.raw(statement, [limit])).rowCount;
  return db.transaction(async (tx) => {
    await tx.raw(`select set_config('gatehouse.operator', 'on', true)`);
    return (await tx.raw(statement, [limit])).rowCount;
  });
}

/** Like `deleteDead` for sessions: what each end owes, the row's trigger writes. */
export async function endDeadSessions(db: Knex, limit: number): Promise<number> {
  const { rows } = await db.raw('select end_dead_sessions(?) as gone', [limit]);
  return rows[0].gone;
}
