import type { Knex } from 'knex';
import type { TenantCall } from '../../kernel/call.ts';
import { createCounter } from '../../kernel/counter.ts';
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
  const byHour = createCounter(counters, {
    name: 'factor-hour',
    points: LIMITS.codeFailures,
    seconds: LIMITS.codeWindowSeconds,
  });
  const byDay = createCounter(counters, { name: 'factor-day', points: LIMITS.codeFailuresOfDay, seconds: 86_400 });

  return {
    /**
     * Counts a guess.
     *
     * @returns what takes it back
     * @throws Failure `rate_limited`; `retryAfter` in seconds
     */
    async reserve({ tenantId }: TenantCall, userId: UserId): Promise<() => Promise<void>> {
      const key = `${tenantId}:${userId}`;
      const keys = [await byHour.take(key), await byDay.take(key)];
      return () => store.giveBack(counters, keys);
    },
  };
}

export type CodeThrottle = ReturnType<typeof createCodeThrottle>;
