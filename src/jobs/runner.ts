import type { Log } from '../kernel/log.ts';

export type Runner = {
  start(): void;
  /** Looks for work now rather than at the next poll: for news of topic `job:`. */
  wake(): void;
  /** Takes no more, tells what is under way to leave off, and waits for it, `waitMs` at most. */
  stop(waitMs?: number): Promise<void>;
};

const POLL_MS = 5_000;

/**
 * Does long work with a few hands. `take` gives one piece of it, which is this node's from then on, or nothing where none
 * waits; `shutdown` is aborted when the node stops.
 */
export function createRunner(deps: {
  take(shutdown: AbortSignal): Promise<(() => Promise<void>) | undefined>;
  hands: number;
  log: Log;
  pollMs?: number;
}): Runner {
  const { take, hands, log } = deps;
  const shutdown = new AbortController();
  const underWay = new Set<Promise<void>>();
  let running = false;
  let again = false;
  let looking: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    do {
      again = false;
      while (running && underWay.size < hands) {
        const work = await take(shutdown.signal);
        if (!work) break;
        begin(work);
      }
    } while (running && again);
  }

  function begin(work: () => Promise<void>): void {
    const one = work()
      .catch((error: unknown) => log.error({ err: error }, 'the end of a job could not be written; its lease runs out'))
      .finally(() => {
        underWay.delete(one);
        wake();
      });
    underWay.add(one);
  }

  function wake(): void {
    if (!running) return;
    again = true;
    looking ??= look()
      .catch((error: unknown) => log.warn({ err: error }, 'jobs: the database did not answer'))
      .finally(() => {
        looking = undefined;
        clearTimeout(timer);
        if (running) timer = setTimeout(wake, deps.pollMs ?? POLL_MS);
      });
  }

  return {
    start() {
      running = true;
      wake();
    },
    wake,
    async stop(waitMs = 10_000) {
      running = false;
      clearTimeout(timer);
      shutdown.abort();
      await looking;
      const late = Promise.withResolvers<void>();
      const giveUp = setTimeout(late.resolve, waitMs);
      await Promise.race([Promise.allSettled(underWay), late.promise]);
      clearTimeout(giveUp);
    },
  };
}
