import {
  inOperatorTransaction,
  inTransaction,
  nameOfActor,
  type OperatorCall,
  type TenantCall,
} from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type JobFileId, type JobId, newId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import type { AccessService } from '../access/access-service.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { isFinished, type Job, type JobKinds, visibleTo } from './job.ts';
import type { JobFileService } from './job-file-service.ts';
import { type Ending, endingOf, watched } from './job-run.ts';
import * as store from './job-store.ts';

export type JobServiceDeps = {
  audit: Pick<AuditService, 'record'>;
  access: Pick<AccessService, 'presentActor'>;
  files: JobFileService;
  /** What can be done, by name. Asked when it is needed: the rooms that do it may want to make jobs themselves. */
  kinds: () => JobKinds;
  /** Told of a run that ended in an error that is no `Failure`; the job is taken up again. */
  onFault?: (error: unknown, about: { job: JobId; kind: string; tries: number }) => void;
};

const target = ({ id }: { id: JobId }) => ({ target: `job:${id}` });

/**
 * Long work, done on whichever node has a hand free, and told of while it runs. A job is a row with a lease: a node that
 * dies loses it within `LIMITS.jobLeaseMs`, and the next goes on at the last checkpoint. A step and its checkpoint are one
 * transaction that asks whether the job is still this node's, so no step is done twice and none is left out, whatever
 * stops or comes back.
 */
export function createJobService({ audit, access, files, kinds, onFault }: JobServiceDeps) {
  /** Writes the end of a run down. A job that was lost, or is left for another node, has not ended. */
  async function finish(call: TenantCall, taken: store.Taken, ending: Ending): Promise<void> {
    const { kind, tries } = taken;
    if (ending.kind === 'lost') return;
    const isOver = tries >= LIMITS.jobTries;
    if (ending.kind === 'fault') onFault?.(ending.error, { job: taken.id, kind, tries });
    if (ending.kind === 'left' || (ending.kind === 'fault' && !isOver)) {
      const isFault = ending.kind === 'fault';
      const delayMs = isFault ? Math.min(1_000 * 2 ** tries, 60_000) : 0;
      return inTransaction(call, (tx) => store.putBack(tx, taken, { delayMs, isFault }));
    }
    const end: store.End = ending.kind === 'fault' ? { state: 'failed', failure: 'internal' } : endOf(ending);
    const house: TenantCall = { ...call, actor: { kind: 'system', name: 'jobs' }, now: new Date() };
    await inTransaction(house, async (tx) => {
      // Who cancelled it has left a line already.
      if (!(await store.end(tx, taken, end)) || end.state === 'cancelled') return;
      const details = { kind, ...(end.failure !== undefined && { reason: end.failure }) };
      await audit.record(tx, `job.${end.state}`, { ...target(taken), details });
    });
    await files.removeInput(call, taken.id);
  }

  /** @throws Failure `forbidden` once whoever asked may not have such work done any more */
  async function onBehalf(tx: TenantCall, { kind }: store.Taken): Promise<TenantCall> {
    const actor = await access.presentActor(tx, tx.actor);
    const needed = kinds()[kind]!.permission;
    const may = actor?.kind === 'system' || (actor && 'permissions' in actor && holds(actor.permissions, needed));
    if (!actor || !may) throw new Failure('forbidden', { needs: needed });
    return { ...tx, actor };
  }

  async function work(call: TenantCall, taken: store.Taken, shutdown: AbortSignal): Promise<void> {
    const kind = kinds()[taken.kind]!;
    if (taken.tries > LIMITS.jobTries || taken.runs > LIMITS.jobRuns)
      return finish(call, taken, { kind: 'failed', failure: 'internal' });
    const { run, stopWatching } = watched(call, taken, { files, shutdown, onBehalf: (tx) => onBehalf(tx, taken) });
    try {
      const ending = await endingOf(async () => {
        // A job may have been cancelled before its node died, and whoever asked may be barred.
        await run.save(async () => ({}));
        return kind.run(run);
      }, run.signal);
      await finish(call, taken, ending);
    } finally {
      stopWatching();
    }
  }

  return {
    /**
     * Asks for long work, in the caller's transaction where there is one: it begins when that commits, or never. It is
     * done on behalf of whoever asks, as long as they may.
     *
     * @param file what `files.receive` gave
     * @throws Failure `job_limit` when the tenant has too many that are not done; `not_found` for a file that is not there
     */
    async create(
      call: TenantCall,
      kind: string,
      { input = {}, file }: { input?: Readonly<Record<string, unknown>>; file?: JobFileId | undefined } = {},
    ): Promise<Job> {
      if (!Object.hasOwn(kinds(), kind)) throw new Error(`there is no job of the kind ${kind}`);
      return inTransaction(call, async (tx) => {
        await store.lockTenant(tx);
        if ((await store.countUnfinished(tx)) >= LIMITS.jobs) throw new Failure('job_limit', { jobs: LIMITS.jobs });
        const id = newId<JobId>();
        await store.insert(tx, { id, kind, owner: nameOfActor(tx.actor), actor: tx.actor, input });
        if (file !== undefined) await files.attach(tx, file, id);
        await audit.record(tx, 'job.created', { ...target({ id }), details: { kind } });
        return (await store.find(tx, id))!;
      });
    },

    /** A job of one's own, or of a kind that one may see. @throws Failure `job_not_found` */
    get: (call: TenantCall, id: JobId): Promise<Job> =>
      inTransaction(call, async (tx) => seen(call, await store.find(tx, id), id)),

    /** A page of the jobs that one may see, the newest first. @throws Failure `invalid_input` */
    async list(call: TenantCall, { state, kind, ...query }: PageQuery & store.JobFilter = {}): Promise<Page<Job>> {
      const window = pageWindow(query);
      const mine = visibleTo(call.actor, kinds());
      const { items, total } = await inTransaction(call, (tx) => store.list(tx, mine, { state, kind }, window));
      return { items, total, page: window.page, pageSize: window.limit };
    },

    /**
     * Ends a job before its work is done; what it has done stays. One that runs ends at its next step, within seconds.
     * A second call changes nothing.
     *
     * @throws Failure `job_not_found`, `job_finished`
     */
    async cancel(call: TenantCall, id: JobId): Promise<Job> {
      const job = await inTransaction(call, async (tx) => {
        const found = seen(call, await store.lock(tx, id), id);
        if (found.state !== 'cancelled' && isFinished(found)) throw new Failure('job_finished', { state: found.state });
        if (found.cancel || isFinished(found)) return found;
        await store.askToEnd(tx, id);
        if (found.state === 'queued') await store.endQueued(tx, id);
        await audit.record(tx, 'job.cancelled', { ...target({ id }), details: { kind: found.kind } });
        return (await store.find(tx, id))!;
      });
      if (isFinished(job)) await files.removeInput(call, id);
      return job;
    },

    /** The file that a job has left, and its text. @throws Failure `job_not_found`; `not_found` when there is none */
    async result(call: TenantCall, id: JobId): Promise<{ type: string; name: string; text: AsyncIterable<string> }> {
      await inTransaction(call, async (tx) => seen(call, await store.find(tx, id), id));
      const file = await files.findResult(call, id);
      if (!file) throw new Failure('not_found', { jobId: id });
      return { type: file.type, name: file.name ?? `${id}.txt`, text: files.readResult(call, id) };
    },

    /**
     * Takes the job that has waited longest, and gives the work on it, which never throws; undefined when none waits.
     *
     * @param shutdown aborted when this node stops: the job is left for another
     * @param only this job, and no other
     */
    async take(
      call: OperatorCall,
      shutdown: AbortSignal,
      { only }: { only?: JobId } = {},
    ): Promise<(() => Promise<void>) | undefined> {
      const wanted = { kinds: Object.keys(kinds()), only };
      const taken = await inOperatorTransaction(call, (tx) => store.take(tx, wanted, LIMITS.jobLeaseMs)).catch(atOnce);
      if (!taken) return undefined;
      const within: TenantCall = { db: call.db, tenantId: taken.tenantId, actor: taken.actor, now: new Date() };
      return () => work(within, taken, shutdown);
    },

    /** Removes jobs that ended long ago, and files that nobody needs, of all tenants. @returns how many went */
    async sweep(call: OperatorCall, signal?: AbortSignal): Promise<number> {
      let total = await files.sweep(call, signal);
      for (
        let gone: number = LIMITS.expiryBatchRows;
        gone === LIMITS.expiryBatchRows && !signal?.aborted;
        total += gone
      )
        gone = await inOperatorTransaction(call, (tx) => store.removeOld(tx, LIMITS.jobDays, LIMITS.expiryBatchRows));
      return total;
    },

    files,
  };

  function seen(call: TenantCall, job: Job | undefined, id: JobId): Job {
    const mine = visibleTo(call.actor, kinds());
    if (job && (mine === 'all' || mine.owner === job.owner || mine.kinds.includes(job.kind))) return job;
    throw new Failure('job_not_found', { jobId: id });
  }
}

export type JobService = ReturnType<typeof createJobService>;

const holds = (permissions: readonly string[], needed: string | undefined): boolean =>
  needed === undefined || permissions.includes(needed);

function endOf(ending: Exclude<Ending, { kind: 'lost' | 'left' | 'fault' }>): store.End {
  if (ending.kind === 'succeeded') return { state: 'succeeded', result: ending.result };
  return ending.kind === 'cancelled' ? { state: 'cancelled' } : { state: 'failed', failure: ending.failure };
}

/** Two nodes took two jobs of one kind and tenant at one moment; the one that came second looks again. */
function atOnce(error: unknown): undefined {
  if ((error as { constraint?: string }).constraint !== 'jobs_running') throw error;
}
