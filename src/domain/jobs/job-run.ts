import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type JobProblem, type JobRun, JobStopped, type Step } from './job.ts';
import type { JobFileService } from './job-file-service.ts';
import * as store from './job-store.ts';

/** A run of a job on this node: what its kind is given, and the end of the watch over it. */
export type Watched = { run: JobRun; stopWatching(): void };

type Watch = {
  files: JobFileService;
  shutdown: AbortSignal;
  /** The call of a step, by whoever asked as they are now. @throws Failure `forbidden` */
  onBehalf(tx: TenantCall): Promise<TenantCall>;
};

/**
 * Watches over a job while its kind works: renews the lease, tells how far it is, and aborts the work when the job was
 * cancelled, when the node stops, or when the lease could not be renewed in time and may be another node's by now.
 */
export function watched(call: TenantCall, taken: store.Taken, { files, shutdown, onBehalf }: Watch): Watched {
  const stop = new AbortController();
  const end = (why: JobStopped['why']) => stop.abort(new JobStopped(why));
  const onShutdown = () => end('shutdown');
  shutdown.addEventListener('abort', onShutdown, { once: true });
  if (shutdown.aborted) onShutdown();
  const errors: JobProblem[] = [...taken.errors];
  let said: { done: number | undefined; total: number | undefined } = { done: undefined, total: undefined };
  let renewedAt = performance.now();
  let renewing = false;

  /** A process that was stopped for a while sees it by its clock: a lease that may be over is taken to be. */
  async function renew(): Promise<void> {
    if (performance.now() - renewedAt >= LIMITS.jobLeaseMs) return end('lost');
    if (renewing) return;
    renewing = true;
    const asked = performance.now();
    try {
      const mine = await inTransaction(call, (tx) => store.renew(tx, taken, said, LIMITS.jobLeaseMs));
      if (!mine) return end('lost');
      renewedAt = asked;
      said = { done: undefined, total: undefined };
      if (mine.cancel) end('cancelled');
    } catch {
      // The database is away: the lease goes on for as long as it was given.
    } finally {
      renewing = false;
    }
  }
  const timer = setInterval(() => void renew(), LIMITS.jobHeartbeatMs);

  async function save(work: (tx: TenantCall) => Promise<Step>): Promise<void> {
    stop.signal.throwIfAborted();
    const asked = performance.now();
    const found = await inTransaction({ ...call, now: new Date() }, async (tx) => {
      const held = await store.hold(tx, taken);
      if (!held) throw new JobStopped('lost');
      if (held.cancel) throw new JobStopped('cancelled');
      const step = await work(await onBehalf(tx));
      const { checkpoint, done, total, errors: problems = [] } = step;
      const shown = problems.slice(0, Math.max(0, LIMITS.jobErrors - errors.length)).map(shortened);
      const kept = shown.length > 0 ? [...errors, ...shown] : undefined;
      const row = { checkpoint, done, total, errorCount: problems.length, errors: kept };
      await store.keep(tx, taken, row, LIMITS.jobLeaseMs);
      return shown;
    });
    errors.push(...found);
    renewedAt = asked;
    said = { done: undefined, total: undefined };
  }

  const run: JobRun = {
    id: taken.id,
    call,
    input: taken.input,
    checkpoint: taken.checkpoint ?? undefined,
    signal: stop.signal,
    save,
    progress(done, total) {
      said = { done, total: total ?? said.total };
    },
    read: (from) => files.read(call, taken.id, from),
    write: (tx, text, file) => files.write(tx, taken.id, text, file),
  };
  return {
    run,
    stopWatching() {
      clearInterval(timer);
      shutdown.removeEventListener('abort', onShutdown);
    },
  };
}

const shortened = ({ line, message }: JobProblem): JobProblem => ({
  line,
  message: message.toWellFormed().replaceAll('\u0000', '\ufffd').slice(0, LIMITS.jobErrorChars),
});

/** What a run came to. */
export type Ending =
  | { kind: 'succeeded'; result: object }
  | { kind: 'failed'; failure: string }
  | { kind: 'cancelled' }
  /** Somebody else has it. */
  | { kind: 'lost' }
  /** The node stops; another goes on. */
  | { kind: 'left' }
  | { kind: 'fault'; error: unknown };

/** Lets a kind work, and says what came of it. Never throws. */
export async function endingOf(work: () => Promise<object>, signal: AbortSignal): Promise<Ending> {
  try {
    return { kind: 'succeeded', result: await work() };
  } catch (error) {
    // What the work throws because it was stopped is no fault of it.
    const stopped = error instanceof JobStopped ? error : signal.aborted ? signal.reason : undefined;
    if (stopped instanceof JobStopped) return STOPPED[stopped.why];
    if (error instanceof Failure && error.code !== 'busy') return { kind: 'failed', failure: error.code };
    return { kind: 'fault', error };
  }
}

const STOPPED: Record<JobStopped['why'], Ending> = {
  cancelled: { kind: 'cancelled' },
  lost: { kind: 'lost' },
  shutdown: { kind: 'left' },
};
