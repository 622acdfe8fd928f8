import type { Log } from '../kernel/log.ts';

/** Work that is soon over and has nothing to do most of the time. Without it, it costs no statement. */
export type Settler = {
  start(): void;
  /** Does it a last time, and no more. */
  stop(): Promise<void>;
};

/** How long a record waits for its place in the chain, at most and about. */
const EACH_MS = 250;

/**
 * Does the work again and again, a quarter of a second after its last end. What it throws is logged, and it is done again.
 *
 * @param work gives how many records of the audit trail it finds missing
 */
export function createSettler({ work, log }: { work: () => Promise<number>; log: Log }): Settler {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let isStopped = false;

  async function once(): Promise<void> {
    try {
      const missing = await work();
      if (missing > 0) log.error({ missing }, 'records of the audit trail were deleted by hand');
    } catch (error) {
      log.error({ err: error }, 'the audit trail could not be chained');
    }
  }

  function plan(): void {
    if (isStopped) return;
    timer = setTimeout(() => {
      running = once().finally(plan);
    }, EACH_MS);
    timer.unref();
  }

  return {
    start: plan,
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
      await once();
    },
  };
}
