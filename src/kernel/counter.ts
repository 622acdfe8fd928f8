import type { Knex } from 'knex';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { Failure } from './failure.ts';
import { sha256 } from './secret.ts';

export type CounterOptions = {
  /** Begins the keys of its rows. */
  name: string;
  /** How many are not too many. */
  points: number;
  /** A window begins with its first count. */
  seconds: number;
  /** Keeps digests in place of keys that name somebody. */
  hidesKeys?: boolean;
};

/**
 * A counter in windows, which all nodes share. What was counted stays counted, whatever becomes of the request.
 *
 * @param counters a small pool that is not the requests' own
 */
export function createCounter(counters: Knex, { name, points, seconds, hidesKeys = false }: CounterOptions) {
  const limiter = new RateLimiterPostgres({
    storeClient: counters,
    storeType: 'knex',
    tableName: 'rate_limits',
    tableCreated: true,
    clearExpiredByTimeout: false,
    keyPrefix: name,
    points,
    duration: seconds,
  });
  const kept = (key: string) => (hidesKeys ? sha256(key).toString('base64url') : key);

  async function count(key: string): Promise<{ isOver: boolean; state: RateLimiterRes }> {
    try {
      return { isOver: false, state: await limiter.consume(kept(key)) };
    } catch (refused) {
      // Anything else is the database's own error.
      if (!(refused instanceof RateLimiterRes)) throw refused;
      return { isOver: true, state: refused };
    }
  }

  return {
    /** Counts one. @returns whether it was one too many */
    isOver: async (key: string): Promise<boolean> => (await count(key)).isOver,

    /**
     * Counts one.
     *
     * @param most fewer than the counter's own, where that is somebody's setting
     * @returns the key of the row
     * @throws Failure `rate_limited` when it was one too many; `retryAfter` in seconds
     */
    async take(key: string, most = points): Promise<string> {
      const { isOver, state } = await count(key);
      if (isOver || state.consumedPoints > most)
        throw new Failure('rate_limited', { retryAfter: Math.max(1, Math.ceil(state.msBeforeNext / 1000)) });
      return limiter.getKey(kept(key));
    },
  };
}

export type Counter = ReturnType<typeof createCounter>;
