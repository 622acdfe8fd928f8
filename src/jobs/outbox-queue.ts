import type { Knex } from 'knex';
import { LIMITS } from '../kernel/limits.ts';
import type { OutboxRow } from './outbox-store.ts';
import * as store from './outbox-store.ts';

/** How many rows a node has under way at once. */
export type Hands = { all: number; perTenant: number; perLane: number };

export type Queue = {
  start(): void;
  wake(): void;
  stop(): Promise<void>;
};

const NOBODY = '00000000-0000-0000-0000-000000000000';

/**
 * The rows of one kind, with hands of its own: a kind that is slow holds up no other. Leases what is due, going round
 * the tenants, and hands each row to `attempt`, which must not throw.
 */
export function createQueue(deps: {
  db: Knex;
  kind: string;
  hands: Hands;
  pollMs: number;
  attempt(row: OutboxRow): Promise<void>;
  onTrouble(error: unknown): void;
}): Queue {
  const { db, kind, hands, attempt } = deps;
  const underWay = new Map<Promise<void>, OutboxRow>();
  let running = false;
  let cursor = NOBODY;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let again = false;

  /** Walks the ring of tenants until it has gone round once without finding anything, or all hands are full. */
  async function look(): Promise<void> {
    let ends = cursor === NOBODY ? 1 : 0;
    while (running && ends < 2) {
      const free = hands.all - underWay.size;
      if (free === 0) return;
      again = false;
      const { outboxTenants: tenants, outboxLeaseMs: ms } = LIMITS;
      const lease = await store.lease(db, { kind, cursor, rows: free, tenants, ms, full: full() });
      cursor = lease.cursor ?? NOBODY;
      for (const row of lease.rows) deliver(row);
      if (again || lease.rows.length > 0) ends = cursor === NOBODY ? 1 : 0;
      else if (cursor === NOBODY) ends++;
    }
  }

  /** The tenants and lanes that may have no more rows under way on this node. */
  function full(): { tenants: string[]; lanes: string[] } {
    const rows = [...underWay.values()];
    const inLanes = rows.filter(({ lane }) => lane !== store.NO_LANE);
    return {
      tenants: atLeast(
        hands.perTenant,
        rows.map(({ tenantId }) => tenantId),
      ),
      lanes: atLeast(
        hands.perLane,
        inLanes.map(({ lane }) => lane),
      ),
    };
  }

  function deliver(row: OutboxRow): void {
    const work = attempt(row).finally(() => {
      underWay.delete(work);
      wake();
    });
    underWay.set(work, row);
  }

  function wake(): void {
    if (!running) return;
    again = true;
    looking ??= look()
      .catch(deps.onTrouble)
      .finally(() => {
        looking = undefined;
        clearTimeout(timer);
        if (running) timer = setTimeout(wake, deps.pollMs);
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
      await Promise.allSettled(underWay.keys());
    },
  };
}

/** Those that stand there `most` times or more. */
function atLeast(most: number, names: readonly string[]): string[] {
  return [...Map.groupBy(names, (name) => name)].filter(([, all]) => all.length >= most).map(([name]) => name);
}
