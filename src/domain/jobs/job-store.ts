import type { Knex } from 'knex';
import type { Actor, OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { JobId, TenantId } from '../../kernel/ids.ts';
import type { Job, JobProblem, JobState } from './job.ts';

const COLUMNS = {
  id: 'id',
  kind: 'kind',
  state: 'state',
  owner: 'owner',
  done: 'done',
  total: 'total',
  errors: 'errors',
  errorCount: 'error_count',
  result: 'result',
  failure: 'failure',
  cancel: 'cancel',
  createdAt: 'created_at',
  startedAt: 'started_at',
  finishedAt: 'finished_at',
} as const;

/** PostgreSQL's bigint comes as text. */
const toJob = (row: Job): Job => ({
  ...row,
  done: Number(row.done),
  total: row.total === null ? null : Number(row.total),
  errorCount: Number(row.errorCount),
});

export type NewJob = { id: JobId; kind: string; owner: string; actor: Actor; input: object };

/** Writes a job down for whichever node takes it; the nodes hear of it when the transaction commits. */
export async function insert({ db, tenantId, now }: TenantCall, job: NewJob): Promise<void> {
  await db('jobs').insert({
    tenant_id: tenantId,
    id: job.id,
    kind: job.kind,
    state: 'queued',
    actor: JSON.stringify(job.actor),
    owner: job.owner,
    input: JSON.stringify(job.input),
    due_at: db.fn.now(),
    created_at: now,
  });
  await wake(db);
}

const wake = (db: Knex) => db.raw(`select pg_notify('gatehouse', 'job:')`);

export async function find({ db, tenantId }: TenantCall, id: JobId): Promise<Job | undefined> {
  const row = await db('jobs').where({ tenant_id: tenantId, id }).first(COLUMNS);
  return row && toJob(row);
}

/** Like `find`, and holds the row until the transaction ends. */
export async function lock({ db, tenantId }: TenantCall, id: JobId): Promise<Job | undefined> {
  const row = await db('jobs').where({ tenant_id: tenantId, id }).forUpdate().first(COLUMNS);
  return row && toJob(row);
}

export type Seen = { owner: string; kinds: readonly string[] } | 'all';
export type JobFilter = { state?: JobState | undefined; kind?: string | undefined };

/** Jobs that somebody may see, the newest first. */
export async function list(
  { db, tenantId }: TenantCall,
  seen: Seen,
  { state, kind }: JobFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: Job[]; total: number }> {
  const rows = () =>
    db('jobs')
      .where({ tenant_id: tenantId, ...(state && { state }), ...(kind !== undefined && { kind }) })
      .modify((query) => {
        if (seen !== 'all')
          query.andWhere((either) => either.where({ owner: seen.owner }).orWhereIn('kind', [...seen.kinds]));
      });
  const items = await rows().orderBy('id', 'desc').offset(offset).limit(limit).select(COLUMNS);
  const [count] = await rows().count({ count: '*' });
  return { items: items.map(toJob), total: Number(count?.['count']) };
}

export async function countUnfinished({ db, tenantId }: TenantCall): Promise<number> {
  const [row] = await db('jobs').where({ tenant_id: tenantId }).whereNull('finished_at').count({ count: '*' });
  return Number(row?.['count']);
}

/** Holds the tenant's row until the transaction ends, so that its jobs are counted one after the other. */
export async function lockTenant({ db, tenantId }: TenantCall): Promise<void> {
  await db('tenants').where({ id: tenantId }).forNoKeyUpdate().first('id');
}

/** Asks a running job to end. */
export async function askToEnd({ db, tenantId }: TenantCall, id: JobId): Promise<void> {
  await db('jobs').where({ tenant_id: tenantId, id }).update({ cancel: true });
}

/** Ends a job that no node has taken. */
export async function endQueued({ db, tenantId, now }: TenantCall, id: JobId): Promise<void> {
  await db('jobs').where({ tenant_id: tenantId, id, state: 'queued' }).update({ state: 'cancelled', finished_at: now });
}

/** A job that a node has taken. `runs` is its fence. */
export type Taken = {
  tenantId: TenantId;
  id: JobId;
  kind: string;
  actor: Actor;
  input: Record<string, unknown>;
  checkpoint: unknown;
  errors: JobProblem[];
  runs: number;
  tries: number;
};

/**
 * Takes the job that has waited longest, of any tenant: one that is queued, or one whose node did not renew its lease.
 * Of each kind, a tenant has one at a time.
 *
 * @param only this one, or none
 */
export async function take(
  { db }: OperatorCall,
  { kinds, only }: { kinds: readonly string[]; only: JobId | undefined },
  leaseMs: number,
): Promise<Taken | undefined> {
  const { rows } = await db.raw<{ rows: Taken[] }>(
    `update jobs t set state = 'running', runs = t.runs + 1, tries = t.tries + 1,
        started_at = coalesce(t.started_at, now()), due_at = now() + ? * interval '1 millisecond'
      where (t.tenant_id, t.id) = (
        select j.tenant_id, j.id from jobs j
         where j.state in ('queued', 'running') and j.due_at <= now() and j.kind = any(?) and j.id = coalesce(?::uuid, j.id)
           and (j.state = 'running' or not exists (select from jobs r
             where r.tenant_id = j.tenant_id and r.kind = j.kind and r.state = 'running'))
         order by j.due_at limit 1 for update skip locked)
      returning tenant_id as "tenantId", id, kind, actor, input, checkpoint, errors, runs, tries`,
    [leaseMs, kinds as string[], only ?? null] as never,
  );
  return rows[0];
}

type Held = Pick<Taken, 'id' | 'runs'>;

/** Holds a job's row for a step; undefined when another node has taken the job since, or it has ended. */
export async function hold({ db, tenantId }: TenantCall, { id, runs }: Held): Promise<{ cancel: boolean } | undefined> {
  return db('jobs').where({ tenant_id: tenantId, id, runs, state: 'running' }).forUpdate().first('cancel');
}

export type Kept = {
  checkpoint: unknown;
  done: number | undefined;
  total: number | undefined;
  errorCount: number;
  /** The whole list, where it has grown. */
  errors: readonly JobProblem[] | undefined;
};

/** Keeps a step of a job that is held, and renews its lease. With a checkpoint it has come further: its tries count anew. */
export async function keep(
  { db, tenantId }: TenantCall,
  { id, runs }: Held,
  step: Kept,
  leaseMs: number,
): Promise<void> {
  await db('jobs')
    .where({ tenant_id: tenantId, id, runs })
    .update({
      ...(step.checkpoint !== undefined && { checkpoint: JSON.stringify(step.checkpoint) }),
      ...(step.done !== undefined && { done: step.done }),
      ...(step.total !== undefined && { total: step.total }),
      ...(step.errors && { errors: JSON.stringify(step.errors) }),
      error_count: db.raw('error_count + ?', [step.errorCount]),
      ...(step.checkpoint !== undefined && { tries: 1 }),
      due_at: db.raw(`now() + ? * interval '1 millisecond'`, [leaseMs]),
    });
}

/**
 * Renews a lease, and says how far the job is; without waiting for a step that holds the row, which renews it itself.
 *
 * @returns undefined when the job is another node's
 */
export async function renew(
  { db, tenantId }: TenantCall,
  { id, runs }: Held,
  { done, total }: { done: number | undefined; total: number | undefined },
  leaseMs: number,
): Promise<{ cancel: boolean } | undefined> {
  const { rows } = await db.raw<{ rows: { cancel: boolean }[] }>(
    `with held as (
       select tenant_id, id from jobs where tenant_id = :tenantId and id = :id and runs = :runs and state = 'running'
          for update skip locked
     ), renewed as (
       update jobs j set due_at = now() + :leaseMs * interval '1 millisecond',
              done = coalesce(:done::bigint, j.done), total = coalesce(:total::bigint, j.total)
         from held where j.tenant_id = held.tenant_id and j.id = held.id
     )
     select cancel from jobs where tenant_id = :tenantId and id = :id and runs = :runs and state = 'running'`,
    { tenantId, id, runs, leaseMs, done: done ?? null, total: total ?? null } as never,
  );
  return rows[0];
}

export type End = {
  state: 'succeeded' | 'failed' | 'cancelled';
  result?: object | undefined;
  failure?: string | undefined;
};

/** Ends a job. @returns false when it is another node's by now */
export async function end({ db, tenantId, now }: TenantCall, { id, runs }: Held, how: End): Promise<boolean> {
  const count = await db('jobs')
    .where({ tenant_id: tenantId, id, runs })
    .whereIn('state', ['queued', 'running'])
    .update({
      state: how.state,
      result: how.result === undefined ? null : JSON.stringify(how.result),
      failure: how.failure ?? null,
      finished_at: now,
    });
  return count === 1;
}

/** Puts a job back for another node, in `delayMs`. `isFault`: the run counts as a try. */
export async function putBack(
  { db, tenantId }: TenantCall,
  { id, runs }: Held,
  { delayMs, isFault }: { delayMs: number; isFault: boolean },
): Promise<void> {
  await db('jobs')
    .where({ tenant_id: tenantId, id, runs, state: 'running' })
    .update({
      state: 'queued',
      tries: isFault ? db.ref('tries') : db.raw('greatest(tries - 1, 0)'),
      due_at: db.raw(`now() + ? * interval '1 millisecond'`, [delayMs]),
    });
  await wake(db);
}

/** Deletes at most `limit` jobs of any tenants that ended so many days ago, with their files. */
export async function removeOld({ db }: OperatorCall, days: number, limit: number): Promise<number> {
  const { rowCount } = await db.raw(
    `delete from jobs where ctid = any(array(
       select ctid from jobs where finished_at < now() - ? * interval '1 day' limit ? for update skip locked))`,
    [days, limit],
  );
  return rowCount;
}
