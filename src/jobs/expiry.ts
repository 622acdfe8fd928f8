import type { Knex } from 'knex';
import { LIMITS } from '../kernel/limits.ts';
import type { Log } from '../kernel/log.ts';
import * as store from './expiry-store.ts';

export type Expiry = {
  /**
   * Deletes what is dead, in statements of `LIMITS.expiryBatchRows`. It may run twice at once: a row goes once.
   *
   * @param hourly also the tables that no index serves
   * @returns rows deleted, by table; only tables that had any
   */
  sweep(options?: { hourly?: boolean; signal?: AbortSignal }): Promise<Record<string, number>>;
};

export function createExpiry({ db, log }: { db: Knex; log: Log }): Expiry {
  /** Until a statement finds less than a full batch; bounded, so that one table cannot starve the others. */
  async function drain(work: () => Promise<number>, signal: AbortSignal | undefined): Promise<number> {
    let total = 0;
    for (let batch = 0; batch < LIMITS.expiryBatches && !signal?.aborted; batch++) {
      const gone = await work();
      total += gone;
      if (gone < LIMITS.expiryBatchRows) break;
    }
    return total;
  }

  return {
    async sweep({ hourly = false, signal } = {}) {
      const gone: Record<string, number> = {};
      const broken: unknown[] = [];
      /** A table that cannot be swept now does not keep the others from it. */
      async function note(table: string, work: () => Promise<number>): Promise<void> {
        try {
          const rows = await drain(work, signal);
          if (rows > 0) gone[table] = rows;
        } catch (error) {
          broken.push(error);
        }
      }
      await note('oidc_session', () => store.endDeadSessions(db, LIMITS.expiryBatchRows));
      for (const table of hourly ? [...store.EACH_MINUTE, ...store.EACH_HOUR] : store.EACH_MINUTE) {
        await note(table, () => store.deleteDead(db, table, LIMITS.expiryBatchRows));
      }
      if (Object.keys(gone).length > 0) log.info({ gone }, 'expiry');
      if (broken.length > 0) throw broken[0];
      return gone;
    },
  };
}
