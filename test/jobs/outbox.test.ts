import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { backoffMs, createOutbox, type Outbox, type OutboxHandler, Undeliverable } from '../../src/jobs/outbox.ts';
import { lease, NO_LANE, type OutboxRow, setDelayed, setDelivered } from '../../src/jobs/outbox-store.ts';
import { newId } from '../../src/kernel/ids.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { pool } from '../support/database.ts';
import { aLog } from '../support/http.ts';

const started: Outbox[] = [];

/** A kind of its own for each test, so that no other test's node takes its rows. */
const aKind = () => `kind-${randomUUID()}`;

async function aRow(
  kind: string,
  { tenantId = randomUUID() as string, dueInMs = 0, agedMs = 0 } = {},
): Promise<{ tenant_id: string; id: string }> {
  const key = { tenant_id: tenantId, id: newId<string>() };
  await pool()('outbox').insert({
    ...key,
    kind,
    payload: { hello: 'world' },
    created_at: new Date(Date.now() - agedMs),
    due_at: new Date(Date.now() + dueInMs),
  });
  return key;
}

type Stored = {
  attempts: number;
  due_at: Date;
  delivered_at: Date | null;
  dead_at: Date | null;
  last_error: string | null;
};
const stored = async (key: object): Promise<Stored> =>
  pool()('outbox').where(key).first('attempts', 'due_at', 'delivered_at', 'dead_at', 'last_error');

function running(kind: string, handler: OutboxHandler, pollMs = 20): Outbox {
  const outbox = createOutbox({ db: pool(), log: aLog().log, handlers: { [kind]: handler }, pollMs });
  started.push(outbox);
  outbox.start();
  return outbox;
}

/** A handler that tells when it was called so many times. */
function counting(times: number, act: OutboxHandler = async () => {}) {
  const rows: OutboxRow[] = [];
  const done = Promise.withResolvers<void>();
  const handler: OutboxHandler = async (row, signal) => {
    rows.push(row);
    if (rows.length === times) done.resolve();
    await act(row, signal);
  };
  return { handler, rows, done: done.promise };
}

describe('the outbox', () => {
  afterEach(async () => {
    for (const outbox of started.splice(0)) await outbox.stop();
  });

  it('delivers a row, with its id, and marks it', async () => {
    const kind = aKind();
    const key = await aRow(kind);
    const { handler, rows, done } = counting(1);
    const outbox = running(kind, handler);
    await done;
    await outbox.stop();

    expect(rows).to.have.length(1);
    expect(rows[0]).to.deep.include({
      tenantId: key.tenant_id,
      id: key.id,
      kind,
      payload: { hello: 'world' },
      attempts: 1,
    });
    expect((await stored(key)).delivered_at).to.be.instanceOf(Date);
  });

  it('delivers each row once while two nodes share the work and none dies', async () => {
    const kind = aKind();
    const keys = await Promise.all(Array.from({ length: 40 }, () => aRow(kind)));
    const { handler, rows, done } = counting(keys.length);
    const nodes = [running(kind, handler), running(kind, handler)];
    await done;
    for (const node of nodes) await node.stop();

    expect(rows.map((row) => row.id)).to.have.members(keys.map(({ id }) => id));
  });

  it('does not touch a row that is not due, or of a kind nobody here knows', async () => {
    const kind = aKind();
    const later = await aRow(kind, { dueInMs: 60_000 });
    const unknown = await aRow(aKind());
    await aRow(kind);
    const { handler, rows, done } = counting(1);
    const outbox = running(kind, handler);
    await done;
    await outbox.stop();

    expect(rows).to.have.length(1);
    expect((await stored(later)).attempts).to.equal(0);
    expect((await stored(unknown)).attempts).to.equal(0);
  });

  it('puts a row back when it fails, says why without its secrets, and brings it again under the same id', async () => {
    const kind = aKind();
    const key = await aRow(kind);
    const first = counting(1, async () => {
      throw new Error('refused: token=S3CRET');
    });
    const failing = running(kind, first.handler);
    await first.done;
    await failing.stop();

    const row = await stored(key);
    expect(row).to.include({ attempts: 1, delivered_at: null, dead_at: null });
    expect(row.last_error).to.contain('refused').and.not.contain('S3CRET');
    expect(row.due_at.getTime()).to.be.greaterThan(Date.now());

    await pool()('outbox')
      .where(key)
      .update({ due_at: new Date(0) });
    const second = counting(1);
    const working = running(kind, second.handler);
    await second.done;
    await working.stop();
    expect(second.rows[0]).to.include({ id: key.id, attempts: 2 });
    expect(await stored(key))
      .to.include({ last_error: null })
      .and.have.property('delivered_at')
      .not.equal(null);
  });

  it('gives a row up after a day, and at once when nobody will ever take it', async () => {
    const kind = aKind();
    const old = await aRow(kind, { agedMs: LIMITS.outboxGiveUpMs + 1_000 });
    const young = await aRow(kind, { agedMs: LIMITS.outboxGiveUpMs - 60_000 });
    const never = await aRow(kind);
    const { handler, done } = counting(3, async (row) => {
      throw row.id === never.id ? new Undeliverable('the client is gone') : new Error('no');
    });
    const outbox = running(kind, handler);
    await done;
    await outbox.stop();

    expect((await stored(old)).dead_at).to.be.instanceOf(Date);
    expect((await stored(young)).dead_at).to.equal(null);
    expect(await stored(never))
      .to.deep.include({ last_error: 'the client is gone' })
      .and.have.property('dead_at')
      .instanceOf(Date);
  });

  it('has so many under way, and not one more', async () => {
    const kind = aKind();
    for (let row = 0; row < LIMITS.outboxConcurrency * 3; row++) await aRow(kind);
    let [now, most] = [0, 0];
    const { handler, done } = counting(LIMITS.outboxConcurrency * 3, async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      await pool().raw('select 1');
      now--;
    });
    running(kind, handler);
    await done;
    expect(most).to.equal(LIMITS.outboxConcurrency);
  });

  it('serves every tenant in turn, however much one of them has waiting', async () => {
    const kind = aKind();
    const flood = '00000000-0000-7000-8000-000000000001';
    await pool().raw(
      `insert into outbox (tenant_id, id, kind, payload, created_at, due_at) select ?, gen_random_uuid(), ?, '{}', now(), now() - interval '1 hour' from generate_series(1, 300)`,
      [flood, kind],
    );
    const small = [await aRow(kind), await aRow(kind), await aRow(kind)].map((key) => key.tenant_id);
    const served = new Set<string>();
    const all = Promise.withResolvers<number>();
    const order: string[] = [];
    const outbox = running(kind, async ({ tenantId }) => {
      order.push(tenantId);
      if (small.includes(tenantId)) served.add(tenantId);
      if (served.size === small.length) all.resolve(order.length);
    });
    const rowsUntilAll = await all.promise;
    await outbox.stop();
    await pool()('outbox').where({ tenant_id: flood, kind }).delete();

    expect(rowsUntilAll).to.be.lessThan(30);
  });

  it('leaves a row that another node has leased since, by its fence', async () => {
    const kind = aKind();
    const key = await aRow(kind);
    const take = () => lease(pool(), { cursor: NO_LANE, kind, rows: 5, tenants: 500, ms: 0 });
    const [paused] = (await take()).rows;
    const [successor] = (await take()).rows;

    expect(await setDelivered(pool(), paused!)).to.equal(false);
    await setDelayed(pool(), paused!, 'late', 1_000_000);
    expect((await stored(key)).last_error).to.equal(null);
    expect(await setDelivered(pool(), successor!)).to.equal(true);
    expect(await setDelivered(pool(), successor!)).to.equal(false);
  });

  it('walks the whole ring of tenants, a part at a time', async () => {
    const kind = aKind();
    const keys = await Promise.all(Array.from({ length: 7 }, () => aRow(kind)));
    const found: string[] = [];
    let cursor: string | undefined = NO_LANE;
    while (cursor !== undefined) {
      const part = await lease(pool(), { cursor, kind, rows: 3, tenants: 2, ms: 60_000 });
      found.push(...part.rows.map((row) => row.id));
      cursor = part.cursor;
    }
    expect(found).to.have.members(keys.map(({ id }) => id));
  });

  it('is woken by news, long before it would look by itself', async () => {
    const kind = aKind();
    const { handler, done } = counting(1);
    const outbox = running(kind, handler, 3_600_000);
    await aRow(kind);
    outbox.wake();
    await done;
  });

  it('waits in stop for what is under way, and takes nothing after it', async () => {
    const kind = aKind();
    const key = await aRow(kind);
    const release = Promise.withResolvers<void>();
    const { handler, done } = counting(1, () => release.promise);
    const outbox = running(kind, handler);
    await done;
    const stopped = outbox.stop();
    release.resolve();
    await stopped;
    expect((await stored(key)).delivered_at).to.be.instanceOf(Date);

    const after = await aRow(kind);
    outbox.wake();
    const other = counting(1);
    running(kind, other.handler);
    await other.done;
    expect(other.rows[0]).to.include({ id: after.id, attempts: 1 });
  });
});

describe('backoffMs', () => {
  it('doubles from five seconds to an hour, with up to a half more by chance', () => {
    expect([1, 2, 3, 10, 11, 1_000].map((attempts) => backoffMs(attempts, () => 0) / 1_000)).to.deep.equal([
      5, 10, 20, 2_560, 3_600, 3_600,
    ]);
    expect(backoffMs(1, () => 1)).to.equal(7_500);
  });
});
