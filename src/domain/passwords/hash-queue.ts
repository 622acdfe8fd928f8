import { Failure } from '../../kernel/failure.ts';

/**
 * Lets `atOnce` pieces of work run and `waiting` more wait, first come first served. Hashing has no other way to the
 * CPU: without a bound it takes the thread pool, and name look-ups, files and TLS of everybody else stand still.
 */
export function createHashQueue({ atOnce, waiting }: { atOnce: number; waiting: number }) {
  let running = 0;
  const line: (() => void)[] = [];

  function done(): void {
    const next = line.shift();
    if (next) next();
    else running -= 1;
  }

  return {
    /** @throws Failure `busy` when the line is full; `retryAfter` is in seconds */
    async run<T>(work: () => Promise<T>): Promise<T> {
      if (running < atOnce) running += 1;
      else if (line.length >= waiting) throw new Failure('busy', { retryAfter: 1 });
      else await new Promise<void>((resolve) => line.push(resolve));
      try {
        return await work();
      } finally {
        done();
      }
    },

    /** How much is going on at this moment, for metrics. */
    load: () => ({ running, waiting: line.length }),
  };
}

export type HashQueue = ReturnType<typeof createHashQueue>;
