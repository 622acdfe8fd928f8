import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { createOutbox, Later, type Outbox, type OutboxHandler, Undeliverable } from '../../src/jobs/outbox.ts';
import type { Hands } from '../../src/jobs/outbox-queue.ts';
import type { OutboxRow } from '../../src/jobs/outbox-store.ts';
import { newId } from '../../src/kernel/ids.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { pool } from '../support/database.ts';
import { aLog } from '../support/http.ts';

const started: Outbox[] = [];
const releases: (() => void)[] = [];
/** The last tenant of the ring. */
const LAST = 'ffffffff-ffff-7fff-bfff-ffffffffffff';

/** What hangs until the test is over. */
function held(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  releases.push(resolve);
  return promise;
}

const aKind = () => `kind-${randomUUID()}`;

async function rows(
  kind: string,
  count: number,
  { tenantId = randomUUID() as string, lane = randomUUID() as string } = {},
) {
  const made = Array.from({ length: count }, () => newId<string>());
  await pool()('outbox').insert(
    made.map((id) => ({
      tenant_id: tenantId,
      id,
      kind,
      lane,
      payload: {},
      created_at: new Date(),
      due_at: new Date(Date.now() - 60_000),
    })),
  );
  return { tenantId, lane, ids: made };
}

function running(kind: string, handler: OutboxHandler, hands?: Hands): Outbox {
  const outbox = createOutbox({
    db: pool(),
    log: aLog().log,
    handlers: { [kind]: handler },
    ...(hands && { hands: { [kind]: hands } }),
    pollMs: 20,
  });
  started.push(outbox);
  outbox.start();
  return outbox;
}

/** A handler that fails as told, and counts; resolves `done` when it was called so many times. */
function failing(times: number, error: () => unknown) {
  const seen: OutboxRow[] = [];
  const done = Promise.withResolvers<void>();
  const handler: OutboxHandler = async (row) => {
    seen.push(row);
    if (seen.length === times) done.resolve();
    throw error();
  };
  return { handler, seen, done: done.promise };
}

const laneOf = (tenantId: string, lane: string) =>
  pool()('outbox_lanes').where({ tenant_id: tenantId, lane }).first('failures', 'failing_since', 'opens_at');

describe('lanes of the outbox', () => {
  afterEach(async () => {
    for (const release of releases.splice(0)) release();
    for (const outbox of started.splice(0)) await outbox.stop();
  });

  it('have so many rows under way at once, and leave hands to the other lanes of their tenant', async () => {
    const kind = aKind();
    const tenantId = randomUUID();
    const slow = await rows(kind, 20, { tenantId });
    const other = await rows(kind, 3, { tenantId });
    const neighbour = await rows(kind, 1, { tenantId: LAST });
    const [hold, all] = [held(), Promise.withResolvers<void>()];
    const called: string[] = [];
    running(
      kind,
      async ({ lane }) => {
        called.push(lane);
        const count = (which: { lane: string }) => called.filter((one) => one === which.lane).length;
        if (count(slow) === 2 && count(other) === 3 && count(neighbour) === 1) all.resolve();
        if (lane === slow.lane) await hold;
      },
      { all: 8, perTenant: 4, perLane: 2 },
    );
    await all.promise;
    expect(called.filter((lane) => lane === slow.lane)).to.have.lengthOf(2);
  });

  it('leave hands to other tenants, though all of their receivers hang', async () => {
    const kind = aKind();
    const tenantId = randomUUID();
    for (let lane = 0; lane < 6; lane++) await rows(kind, 4, { tenantId });
    const hold = held();
    const served = Promise.withResolvers<void>();
    const neighbour = await rows(kind, 1);
    let hanging = 0;
    running(
      kind,
      async (row) => {
        if (row.tenantId === neighbour.tenantId) return served.resolve();
        hanging += 1;
        await hold;
      },
      { all: 5, perTenant: 4, perLane: 2 },
    );
    await served.promise;
    expect(hanging).to.be.lessThan(5);
  });

  it('are left alone after three failures one after the other, whatever waits in them', async () => {
    const kind = aKind();
    const { tenantId, lane } = await rows(kind, 10);
    const { handler, seen, done } = failing(LIMITS.outboxLaneFailures, () => new Error('down'));
    const outbox = running(kind, handler, { all: 5, perTenant: 1, perLane: 1 });
    await done;
    // Another tenant's row makes the worker go round again.
    await rows(kind, 1);
    outbox.wake();
    await outbox.stop();

    expect(seen.filter((row) => row.lane === lane)).to.have.lengthOf(LIMITS.outboxLaneFailures);
    const state = await laneOf(tenantId, lane);
    expect(state.failures).to.equal(LIMITS.outboxLaneFailures);
    expect(state.opens_at.getTime()).to.be.greaterThan(Date.now());
    expect(seen.map(({ failingSince }) => failingSince !== null)).to.include.ordered.members([false, true, true]);
  });

  it('wait for as long as their receiver asks', async () => {
    const kind = aKind();
    const { tenantId, lane } = await rows(kind, 3);
    const { handler, seen, done } = failing(1, () => new Later('429', 3_600_000));
    const outbox = running(kind, handler, { all: 5, perTenant: 1, perLane: 1 });
    await done;
    await outbox.stop();

    expect(seen).to.have.lengthOf(1);
    const state = await laneOf(tenantId, lane);
    expect(state.opens_at.getTime()).to.be.greaterThan(Date.now() + 3_500_000);
    const due = await pool()('outbox').where({ tenant_id: tenantId, id: seen[0]!.id }).first('due_at');
    expect(due.due_at.getTime()).to.be.greaterThan(Date.now() + 3_500_000);
  });

  it('are forgotten as soon as something gets through', async () => {
    const kind = aKind();
    const { tenantId, lane } = await rows(kind, 2);
    const first = failing(1, () => new Error('down'));
    const down = running(kind, first.handler, { all: 1, perTenant: 1, perLane: 1 });
    await first.done;
    await down.stop();
    expect((await laneOf(tenantId, lane)).failures).to.equal(1);

    const through = Promise.withResolvers<void>();
    const up = running(kind, async () => through.resolve());
    await through.promise;
    await up.stop();
    expect(await laneOf(tenantId, lane)).to.equal(undefined);
  });

  it('do not suffer from a row that nobody will ever take', async () => {
    const kind = aKind();
    const { tenantId, lane } = await rows(kind, 3);
    const { handler, done } = failing(3, () => new Undeliverable('gone'));
    const outbox = running(kind, handler);
    await done;
    await outbox.stop();
    expect(await laneOf(tenantId, lane)).to.equal(undefined);
  });

  it('do not exist for rows that share a receiver with nobody', async () => {
    const kind = aKind();
    const tenantId = randomUUID();
    const none = '00000000-0000-0000-0000-000000000000';
    await rows(kind, 6, { tenantId, lane: none });
    const { handler, done } = failing(6, () => new Error('down'));
    const outbox = running(kind, handler);
    await done;
    await outbox.stop();
    expect(await laneOf(tenantId, none)).to.equal(undefined);
  });
});
