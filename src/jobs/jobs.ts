import { PgBoss } from 'pg-boss';
import type { DatabaseAddress } from '../database/pool.ts';
import type { Log } from '../kernel/log.ts';

/** Work that recurs. It runs on one node at a time, and once more after a node died in it: it must bear repetition. */
export type Job = {
  /** Unique; letters and hyphens. */
  name: string;
  /** Five fields, UTC. */
  cron: string;
  /** Seconds after which the work counts as dead and may begin elsewhere. */
  deadlineSeconds: number;
  run(signal: AbortSignal): Promise<void>;
};

export type Jobs = {
  /** Begins in the background, and goes on trying while the database is away. Returns at once. */
  start(): void;
  /** Waits for the work under way, `waitMs` at most. */
  stop(waitMs?: number): Promise<void>;
  /** Resolves once the jobs are scheduled; for tests and the command line. */
  ready(): Promise<void>;
  /** Asks for one run now, on whichever node takes it. Nothing happens where one waits or runs already. */
  trigger(name: string): Promise<void>;
};

const BACKOFF_MS = { first: 1_000, most: 30_000 };

/**
 * Recurring work by pg-boss, in a schema and a pool of two connections of its own: no request waits for it, and start-up
 * does not either.
 */
export function createJobs(deps: {
  address: DatabaseAddress;
  log: Log;
  jobs: readonly Job[];
  pollSeconds?: number;
}): Jobs {
  const { address, log, jobs } = deps;
  const aborter = new AbortController();
  const scheduled = Promise.withResolvers<void>();
  let boss: PgBoss | undefined;
  let starting: Promise<void> | undefined;

  function createBoss(): PgBoss {
    const created = new PgBoss({
      ...(typeof address === 'string' ? { connectionString: address } : address),
      schema: 'pgboss',
      max: 2,
      application_name: 'gatehouse jobs',
      connectionTimeoutMillis: 5_000,
      cronMonitorIntervalSeconds: 30,
      options: '-c lock_timeout=5000 -c idle_in_transaction_session_timeout=15000',
    });
    // Unheard, it would end the process. pg-boss goes on by itself.
    created.on('error', (error) => log.warn({ err: error }, 'jobs'));
    return created;
  }

  async function schedule(on: PgBoss): Promise<void> {
    await on.start();
    for (const job of jobs) {
      // 'exclusive': one that waits or runs, so that a slow one does not pile up.
      await on.createQueue(job.name, {
        policy: 'exclusive',
        retryLimit: 0,
        expireInSeconds: job.deadlineSeconds,
        deleteAfterSeconds: 3_600,
      });
      await on.work(job.name, { pollingIntervalSeconds: deps.pollSeconds ?? 10 }, () => run(job));
      await on.schedule(job.name, job.cron, null, { tz: 'UTC' });
    }
  }

  async function run(job: Job): Promise<void> {
    try {
      await job.run(aborter.signal);
    } catch (error) {
      log.error({ err: error, job: job.name }, 'a job failed');
      throw new Error(`job ${job.name} failed`);
    }
  }

  async function keepTrying(): Promise<void> {
    let wait = BACKOFF_MS.first;
    while (!aborter.signal.aborted) {
      const fresh = createBoss();
      try {
        await schedule(fresh);
        boss = fresh;
        scheduled.resolve();
        return;
      } catch (error) {
        log.warn({ err: error }, 'jobs could not start yet');
        await fresh.stop({ graceful: false }).catch(() => {});
      }
      await pause(wait, aborter.signal);
      wait = Math.min(wait * 2, BACKOFF_MS.most);
    }
  }

  return {
    start() {
      starting ??= keepTrying();
    },
    ready: () => scheduled.promise,
    async trigger(name) {
      await scheduled.promise;
      await boss!.send(name, null);
    },
    async stop(waitMs = 5_000) {
      aborter.abort();
      await starting;
      await boss
        ?.stop({ graceful: true, timeout: waitMs })
        .catch((error: unknown) => log.warn({ err: error }, 'jobs did not stop in order'));
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

/** The jobs that every node has. */
export function houseJobs({
  sweep,
}: {
  sweep(options: { hourly?: boolean; signal?: AbortSignal }): Promise<unknown>;
}): Job[] {
  const forget = (hourly: boolean) => async (signal: AbortSignal) => void (await sweep({ hourly, signal }));
  return [
    { name: 'expiry', cron: '* * * * *', deadlineSeconds: 300, run: forget(false) },
    { name: 'expiry-hourly', cron: '7 * * * *', deadlineSeconds: 900, run: forget(true) },
  ];
}
