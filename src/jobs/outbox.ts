import type { Knex } from 'knex';
import { LIMITS } from '../kernel/limits.ts';
import type { Log } from '../kernel/log.ts';
import { errorMessage } from '../kernel/redact.ts';
import { createQueue, type Hands } from './outbox-queue.ts';
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

/** Thrown by a handler whose receiver asks for time: for so long, nothing is taken from the row's lane. */
export class Later extends Error {
  readonly ms: number;

  constructor(message: string, ms: number) {
    super(message);
    this.name = 'Later';
    this.ms = ms;
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
 * A failed row comes back after `backoffMs`, and is given up 24 hours after it was written, or asked for again. Rows of
 * kinds without a handler wait: a newer node may know them. No kind, no tenant and no lane holds another up, see queue
 * and store. A lane whose attempts have failed `LIMITS.outboxLaneFailures` times one after the other is left alone for as long as
 * `backoffMs` says: its receiver is down, and each of a thousand rows need not find that out.
 *
 * @param hands by kind, where the usual ones do not fit
 */
export function createOutbox(deps: {
  db: Knex;
  log: Log;
  handlers: Readonly<Record<string, OutboxHandler>>;
  hands?: Readonly<Record<string, Hands>>;
  pollMs?: number;
}): Outbox {
  const { db, log, handlers } = deps;
  const usual: Hands = { all: LIMITS.outboxConcurrency, perTenant: LIMITS.outboxPerTenant, perLane: Infinity };

  /** What becomes of a row. Never throws: a result that could not be written comes back with the lease's end. */
  async function attempt(row: OutboxRow): Promise<void> {
    try {
      const error = await withDeadline(handlers[row.kind]!, row).then(
        () => undefined,
        (reason: unknown) => reason ?? new Error('unknown'),
      );
      await (error === undefined ? succeed(row) : fail(row, error));
    } catch (error) {
      log.error(
        { err: error, outbox: row.id },
        'outbox: a result could not be written; the row comes back after its lease',
      );
    }
  }

  async function succeed(row: OutboxRow): Promise<void> {
    await store.setDelivered(db, row);
    if (row.failingSince !== null) await store.clearLane(db, row);
  }

  async function fail(row: OutboxRow, error: unknown): Promise<void> {
    const reason = error instanceof Error ? errorMessage(error).slice(0, 500) : 'unknown';
    const tooOld = Date.now() - row.since.getTime() >= LIMITS.outboxGiveUpMs;
    const dead = error instanceof Undeliverable || tooOld;
    log.warn(
      { err: error, outbox: row.id, kind: row.kind, tenantId: row.tenantId, attempts: row.attempts, dead },
      'outbox: not delivered',
    );
    const askedMs = error instanceof Later ? error.ms : 0;
    if (!(error instanceof Undeliverable) && row.lane !== store.NO_LANE) await slowDown(row, askedMs);
    if (dead) await store.setDead(db, row, reason);
    else await store.setDelayed(db, row, reason, Math.max(backoffMs(row.attempts), askedMs));
  }

  async function slowDown(row: OutboxRow, askedMs: number): Promise<void> {
    const many = (await store.addLaneFailure(db, row)) - LIMITS.outboxLaneFailures;
    const ms = Math.max(askedMs, many < 0 ? 0 : backoffMs(many + 1));
    if (ms > 0) await store.closeLane(db, row, ms);
  }

  const queues = Object.keys(handlers).map((kind) =>
    createQueue({
      db,
      kind,
      hands: deps.hands?.[kind] ?? usual,
      pollMs: deps.pollMs ?? POLL_MS,
      attempt,
      onTrouble: (error) => log.warn({ err: error, kind }, 'outbox: the database did not answer'),
    }),
  );

  return {
    start() {
      for (const queue of queues) queue.start();
    },
    wake() {
      for (const queue of queues) queue.wake();
    },
    async stop() {
      await Promise.all(queues.map((queue) => queue.stop()));
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
