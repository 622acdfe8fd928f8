import type { Knex } from 'knex';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import * as store from './code-throttle-store.ts';

/**
 * Counts guesses at the short codes of an account: across all its challenges, whichever door they were made at, over
 * all nodes. Ten in an hour and thirty in a day: of two valid codes in a million, one of 16,000 accounts whose password
 * is known falls in a day. A try is counted before its code is looked at, and given back when it was right. The counters
 * have connections of their own, so a request that is rolled back leaves them as they are.
 *
 * Only who knows the password gets as far as this, and backup codes and passkeys are not counted here: they cannot be
 * guessed, and let the owner in while somebody else guesses.
 *
 * @param counters a small pool that is not the requests' own
 */
export function createCodeThrottle({ counters }: { counters: Knex }) {
  const limiter = (keyPrefix: string, points: number, duration: number) =>
    new RateLimiterPostgres({
      storeClient: counters,
      storeType: 'knex',
      tableName: 'rate_limits',
      tableCreated: true,
      clearExpiredByTimeout: false,
      keyPrefix,
      points,
      duration,
    });
  const byHour = limiter('factor-hour', LIMITS.codeFailures, LIMITS.codeWindowSeconds);
  const byDay = limiter('factor-day', LIMITS.codeFailuresOfDay, 86_400);

  async function take(one: RateLimiterPostgres, key: string): Promise<string> {
    try {
      await one.consume(key);
      return one.getKey(key);
    } catch (refused) {
      // Anything else is the database's own error.
      if (!(refused instanceof RateLimiterRes)) throw refused;
      throw new Failure('rate_limited', { retryAfter: Math.max(1, Math.ceil(refused.msBeforeNext / 1000)) });
    }
  }

  return {
    /**
     * Counts a guess.
     *
     * @returns what takes it back
     * @throws Failure `rate_limited`; `retryAfter` in seconds
     */
    async reserve({ tenantId }: TenantCall, userId: UserId): Promise<() => Promise<void>> {
      const key = `${tenantId}:${userId}`;
      const keys = [await take(byHour, key), await take(byDay, key)];
      return () => store.giveBack(counters, keys);
    },
  };
}

export type CodeThrottle = ReturnType<typeof createCodeThrottle>;
