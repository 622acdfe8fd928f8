import type { Knex } from 'knex';
import { prepared } from '../database/pool.ts';

/** The lane of rows that share their receiver with nobody. */
export const NO_LANE = '00000000-0000-0000-0000-000000000000';

/** A row on its way out. `id` is the same at each attempt: a receiver can tell a repetition by it. */
export type OutboxRow = {
  tenantId: string;
  id: string;
  kind: string;
  payload: Record<string, unknown>;
  /** Whom it shares a receiver with; `NO_LANE` for nobody. */
  lane: string;
  /** Since when every attempt in its lane has failed. */
  failingSince: Date | null;
  /** This one included. */
  attempts: number;
  createdAt: Date;
  /** Since when its day runs: since it was made, or asked for again. */
  since: Date;
};

const PENDING = 'delivered_at is null and dead_at is null';

/**
 * Walks the ring of tenants that have something pending, from the one after the cursor, and takes one due row of each, of
 * any lane that is open: a tenant with a million rows waits for its turn like all others, and so does a lane within its
 * tenant. Every step is one descent of the index, however much is pending; it is ordered by all of the index's columns,
 * so that the planner does not think of another one. Taking is a lease: `due_at` moves into the
 * future, so that the row comes back by itself when this node dies.
 */
const LEASE = {
  name: 'outbox-lease',
  text: `
    with recursive ring as (
      (select tenant_id from outbox where kind = $1 and ${PENDING} and tenant_id > $2
        order by tenant_id, lane, due_at limit 1)
      union all
      select (select o.tenant_id from outbox o where o.kind = $1 and ${PENDING} and o.tenant_id > ring.tenant_id
               order by o.tenant_id, o.lane, o.due_at limit 1)
        from ring where ring.tenant_id is not null
    ), tenants as materialized (
      select tenant_id from ring where tenant_id is not null limit $3
    ), due as materialized (
      select found.tenant_id, found.id
        from tenants t, lateral (
          with recursive walk as (
            (select lane from outbox where kind = $1 and tenant_id = t.tenant_id and ${PENDING} order by lane limit 1)
            union all
            select (select o.lane from outbox o where o.kind = $1 and o.tenant_id = t.tenant_id and ${PENDING}
                     and o.lane > walk.lane order by o.lane limit 1)
              from walk where walk.lane is not null
          ), open as materialized (
            select w.lane from walk w where w.lane is not null and w.lane <> all($7::uuid[])
               and not exists (select from outbox_lanes l
                 where l.tenant_id = t.tenant_id and l.lane = w.lane and l.opens_at > now())
             order by random()
          )
          select d.tenant_id, d.id from open, lateral (
            select o.tenant_id, o.id from outbox o
             where o.kind = $1 and o.tenant_id = t.tenant_id and o.lane = open.lane and ${PENDING} and o.due_at <= now()
             order by o.due_at limit 1 for update skip locked) d
           limit 1) found
       where t.tenant_id <> all($6::uuid[])
       limit $4
    ), taken as (
      update outbox o set attempts = o.attempts + 1, due_at = now() + $5 * interval '1 millisecond'
        from due where o.tenant_id = due.tenant_id and o.id = due.id
      returning o.tenant_id, o.id, o.kind, o.payload, o.lane, o.attempts, o.created_at,
        coalesce(o.retried_at, o.created_at) as since
    )
    select t.tenant_id as "tenantId", t.id, t.kind, t.payload, t.lane, l.failing_since as "failingSince", t.attempts,
           t.created_at as "createdAt", t.since, null::uuid as last, 0 as tenants
      from taken t left join outbox_lanes l on l.tenant_id = t.tenant_id and l.lane = t.lane
    union all
    select null, null, null, null, null, null, null, null, null, max(tenant_id::text)::uuid, count(*)::integer
      from tenants where (select count(*) from taken) < $4`,
};

type LeaseRow = OutboxRow & { last: string | null; tenants: number };

export type Lease = {
  rows: OutboxRow[];
  /** Where the next walk begins; undefined when this one came to the ring's end. */
  cursor: string | undefined;
};

/** @param full tenants and lanes of which this node has enough under way */
export async function lease(
  db: Knex,
  {
    kind,
    cursor,
    rows,
    tenants,
    ms,
    full = { tenants: [], lanes: [] },
  }: {
    kind: string;
    cursor: string;
    rows: number;
    tenants: number;
    ms: number;
    full?: { tenants: readonly string[]; lanes: readonly string[] };
  },
): Promise<Lease> {
  const answer = await prepared<LeaseRow>(db, LEASE, [kind, cursor, tenants, rows, ms, full.tenants, full.lanes]);
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
  const more = (walk?.tenants ?? 0) === tenants ? (walk?.last ?? undefined) : undefined;
  return { rows: taken, cursor: served ?? more };
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

/** Counts a failure of a lane. @returns how many there were one after the other, this one included */
export async function addLaneFailure(db: Knex, { tenantId, lane }: OutboxRow): Promise<number> {
  const { rows } = await db.raw<{ rows: { failures: number }[] }>(
    `insert into outbox_lanes as l (tenant_id, lane, failures, failing_since, opens_at) values (?, ?, 1, now(), now())
      on conflict (tenant_id, lane) do update set failures = l.failures + 1 returning failures`,
    [tenantId, lane],
  );
  return rows[0]!.failures;
}

/** Shuts a lane for `ms` from now, or longer where it is shut longer already. */
export async function closeLane(db: Knex, { tenantId, lane }: OutboxRow, ms: number): Promise<void> {
  await db('outbox_lanes')
    .where({ tenant_id: tenantId, lane })
    .update({ opens_at: db.raw(`greatest(opens_at, now() + ? * interval '1 millisecond')`, [ms]) });
}

/** Forgets the failures of a lane: something got through. */
export async function clearLane(db: Knex, { tenantId, lane }: OutboxRow): Promise<void> {
  await db('outbox_lanes').where({ tenant_id: tenantId, lane }).delete();
}
