import type { Knex } from 'knex';
import { LIMITS } from '../kernel/limits.ts';
import type { Log } from '../kernel/log.ts';
import { errorMessage } from '../kernel/redact.ts';
import type { OutboxRow } from './outbox-store.ts';
import * as store from './outbox-store.ts';

/** Brings one row to where it belongs. To throw is to be called again later, with the same row. */
export type OutboxHandler = (row: OutboxRow, signal: AbortSignal) => Promise<void>;

/** Thrown by a handler whose row nobody will ever take: it is given up at once. */
export class Undeliverable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Undeliverable';
  }
}

export type Outbox = {
  start(): void;
  /** Looks for due rows now rather than at the next poll: for news of topic `outbox:`. */
  wake(): void;
  /** Takes no more rows, and waits for those under way. */
  stop(): Promise<void>;
};

const POLL_MS = 5_000;
const FIRST_DELAY_MS = 5_000;
const MOST_DELAY_MS = 3_600_000;
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Milliseconds until the next attempt: 5 s doubled each time up to an hour, and up to half of it more by chance. */
export function backoffMs(attempts: number, random: () => number = Math.random): number {
  const base = Math.min(FIRST_DELAY_MS * 2 ** Math.min(attempts - 1, 20), MOST_DELAY_MS);
  return Math.round(base * (1 + random() / 2));
}

/**
 * Delivers the rows of `outbox` on every node at once, at least once each: a node that dies after the receiver took a
 * row and before the row was marked will send it again, with the same id. Exactly once cannot be had over HTTP; receivers
 * that must not act twice compare the id. No order is promised.
 *
 * A failed row comes back after `backoffMs`, and is given up 24 hours after it was written. Rows of kinds without a
 * handler wait: a newer node may know them. No tenant holds another up, see the store.
 */
export function createOutbox(deps: {
  db: Knex;
  log: Log;
  handlers: Readonly<Record<string, OutboxHandler>>;
  pollMs?: number;
}): Outbox {
  const { db, log, handlers } = deps;
  const kinds = Object.keys(handlers);
  const underWay = new Set<Promise<void>>();
  let running = false;
  let cursor = NOBODY;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let again = false;

  /** Walks the ring of tenants until it has gone round once without finding anything, or all hands are full. */
  async function look(): Promise<void> {
    let ends = cursor === NOBODY ? 1 : 0;
    while (running && ends < 2) {
      const free = LIMITS.outboxConcurrency - underWay.size;
      if (free === 0) return;
      again = false;
      const { outboxPerTenant: perTenant, outboxTenants: tenants, outboxLeaseMs: ms } = LIMITS;
      const lease = await store.lease(db, { cursor, kinds, rows: free, perTenant, tenants, ms });
      cursor = lease.cursor ?? NOBODY;
      for (const row of lease.rows) deliver(row);
      if (again || lease.rows.length > 0) ends = cursor === NOBODY ? 1 : 0;
      else if (cursor === NOBODY) ends++;
    }
  }

  function deliver(row: OutboxRow): void {
    const work = attempt(row)
      .catch((error: unknown) =>
        log.error(
          { err: error, outbox: row.id },
          'outbox: a result could not be written; the row comes back after its lease',
        ),
      )
      .finally(() => {
        underWay.delete(work);
        wake();
      });
    underWay.add(work);
  }

  async function attempt(row: OutboxRow): Promise<void> {
    try {
      await withDeadline(handlers[row.kind]!, row);
    } catch (error) {
      return fail(row, error);
    }
    await store.setDelivered(db, row);
  }

  async function fail(row: OutboxRow, error: unknown): Promise<void> {
    const reason = error instanceof Error ? errorMessage(error).slice(0, 500) : 'unknown';
    const tooOld = Date.now() - row.createdAt.getTime() >= LIMITS.outboxGiveUpMs;
    const dead = error instanceof Undeliverable || tooOld;
    log.warn(
      { err: error, outbox: row.id, kind: row.kind, tenantId: row.tenantId, attempts: row.attempts, dead },
      'outbox: not delivered',
    );
    if (dead) await store.setDead(db, row, reason);
    else await store.setDelayed(db, row, reason, backoffMs(row.attempts));
  }

  function wake(): void {
    if (!running) return;
    again = true;
    looking ??= look()
      .catch((error: unknown) => log.warn({ err: error }, 'outbox: the database did not answer'))
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
    async stop() {
      running = false;
      clearTimeout(timer);
      await looking;
      await Promise.allSettled(underWay);
    },
  };
}

/** The lease is twice as long as a handler may take, so that no two nodes work at one row. */
async function withDeadline(handler: OutboxHandler, row: OutboxRow): Promise<void> {
  const signal = AbortSignal.timeout(LIMITS.outboxHandlerMs);
  const late = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('the handler took too long')), { once: true }),
  );
  await Promise.race([handler(row, signal), late]);
}
