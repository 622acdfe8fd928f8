import type { Knex } from 'knex';
import { prepared } from '../database/pool.ts';

/** A row on its way out. `id` is the same at each attempt: a receiver can tell a repetition by it. */
export type OutboxRow = {
  tenantId: string;
  id: string;
  kind: string;
  payload: Record<string, unknown>;
  /** This one included. */
  attempts: number;
  createdAt: Date;
};

const PENDING = 'delivered_at is null and dead_at is null';

/**
 * Walks the ring of tenants that have something pending, from the one after the cursor, and takes at most a few due rows
 * of each: a tenant with a million rows waits for its turn like all others. Taking is a lease: `due_at` moves into the
 * future, so that the row comes back by itself when this node dies.
 */
const LEASE = {
  name: 'outbox-lease',
  text: `
    with recursive ring as (
      (select tenant_id from outbox where ${PENDING} and tenant_id > $1 order by tenant_id limit 1)
      union all
      select (select o.tenant_id from outbox o where ${PENDING} and o.tenant_id > ring.tenant_id order by o.tenant_id limit 1)
        from ring where ring.tenant_id is not null
    ), tenants as materialized (
      select tenant_id from ring where tenant_id is not null limit $2
    ), due as materialized (
      select d.tenant_id, d.id
        from tenants, lateral (
          select o.tenant_id, o.id from outbox o
           where o.tenant_id = tenants.tenant_id and ${PENDING} and o.due_at <= now() and o.kind = any($3)
           order by o.due_at limit $4 for update skip locked) d
       limit $5
    ), taken as (
      update outbox o set attempts = o.attempts + 1, due_at = now() + $6 * interval '1 millisecond'
        from due where o.tenant_id = due.tenant_id and o.id = due.id
      returning o.tenant_id, o.id, o.kind, o.payload, o.attempts, o.created_at
    )
    select t.tenant_id as "tenantId", t.id, t.kind, t.payload, t.attempts, t.created_at as "createdAt",
           null::uuid as last, 0 as tenants from taken t
    union all
    select null, null, null, null, null, null, max(tenant_id::text)::uuid, count(*)::integer
      from tenants where (select count(*) from taken) < $5`,
};

type LeaseRow = OutboxRow & { last: string | null; tenants: number };

export type Lease = {
  rows: OutboxRow[];
  /** Where the next walk begins; undefined when this one came to the ring's end. */
  cursor: string | undefined;
};

export async function lease(
  db: Knex,
  {
    cursor,
    kinds,
    rows,
    perTenant,
    tenants,
    ms,
  }: { cursor: string; kinds: readonly string[]; rows: number; perTenant: number; tenants: number; ms: number },
): Promise<Lease> {
  const answer = await prepared<LeaseRow>(db, LEASE, [cursor, tenants, kinds, perTenant, rows, ms]);
  const walk = answer.find((row) => row.id === null);
  const taken = answer.filter((row) => row.id !== null).map(({ last: _last, tenants: _tenants, ...row }) => row);
  // Where the rows were not enough for all tenants, the next walk begins after the last one that was served.
  const served =
    taken.length === rows
      ? taken
          .map((row) => row.tenantId)
          .sort()
          .at(-1)
      : undefined;
  const full = (walk?.tenants ?? 0) === tenants ? (walk?.last ?? undefined) : undefined;
  return { rows: taken, cursor: served ?? full };
}

/** Marks a row as delivered, unless another node has leased it since (`attempts` is the fence). */
export async function setDelivered(db: Knex, { tenantId, id, attempts }: OutboxRow): Promise<boolean> {
  const count = await db('outbox')
    .where({ tenant_id: tenantId, id, attempts })
    .whereNull('delivered_at')
    .update({ delivered_at: db.fn.now(), last_error: null });
  return count === 1;
}

/** Puts a row back for another attempt in `delayMs`. */
export async function setDelayed(
  db: Knex,
  { tenantId, id, attempts }: OutboxRow,
  error: string,
  delayMs: number,
): Promise<void> {
  await db('outbox')
    .where({ tenant_id: tenantId, id, attempts })
    .whereNull('delivered_at')
    .update({ last_error: error, due_at: db.raw(`now() + ? * interval '1 millisecond'`, [delayMs]) });
}

/** Gives a row up. It stays visible to the tenant's administrator for a month. */
export async function setDead(db: Knex, { tenantId, id, attempts }: OutboxRow, error: string): Promise<void> {
  await db('outbox')
    .where({ tenant_id: tenantId, id, attempts })
    .whereNull('delivered_at')
    .update({ last_error: error, dead_at: db.fn.now() });
}
