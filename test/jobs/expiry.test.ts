import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { createExpiry, type Expiry } from '../../src/jobs/expiry.ts';
import { inTransaction } from '../../src/kernel/call.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { pool } from '../support/database.ts';
import { aLog } from '../support/http.ts';
import { aTenant } from '../support/rooms.ts';

const HOUR = 3_600_000;
const ago = (ms: number) => new Date(Date.now() - ms);
const { log } = aLog();

/** One row of each table, with the end that is given. */
async function rowsOf(tenantId: string, end: Date): Promise<void> {
  const key = { tenant_id: tenantId, expires_at: end };
  const grant = randomUUID();
  await pool()('oidc_grant').insert({ ...key, id: grant, client_id: 'c', payload: {} });
  await pool()('oidc_session').insert({ ...key, uid: randomUUID(), id_hash: randomBytes(32), payload: {} });
  await pool()('oidc_token').insert({ ...key, model: 'AccessToken', id_hash: randomBytes(32), payload: {} });
  await pool()('oidc_refresh_chain').insert({
    ...key,
    chain: randomUUID(),
    generation: 1,
    grant_id: grant,
    payload: {},
  });
  await pool()('oidc_transient').insert({
    ...key,
    model: 'Interaction',
    id_hash: randomBytes(32),
    sealed: randomBytes(8),
  });
  await pool()('oidc_replay').insert({ ...key, id_hash: randomBytes(32) });
}

const TABLES = ['oidc_grant', 'oidc_session', 'oidc_token', 'oidc_refresh_chain', 'oidc_transient', 'oidc_replay'];
const count = async (table: string, where: object): Promise<number> =>
  Number((await pool()(table).where(where).count())[0]!['count']);

describe('expiry', () => {
  let expiry: Expiry;
  before(() => {
    expiry = createExpiry({ db: pool(), log });
  });

  it('deletes what is dead and nothing else', async () => {
    const [dead, alive] = [randomUUID(), randomUUID()];
    await rowsOf(dead, ago(2 * HOUR));
    await rowsOf(alive, ago(-HOUR));

    await expiry.sweep();

    for (const table of TABLES) {
      expect(await count(table, { tenant_id: dead }), table).to.equal(0);
      expect(await count(table, { tenant_id: alive }), table).to.equal(1);
    }
  });

  it('leaves a minute of grace', async () => {
    const tenantId = randomUUID();
    await rowsOf(tenantId, ago(10_000));
    await expiry.sweep();
    for (const table of TABLES) expect(await count(table, { tenant_id: tenantId }), table).to.equal(1);
  });

  it('forgets kept answers after their day, behind row-level security', async () => {
    const call = await aTenant();
    const key = (end: Date) => ({
      tenant_id: call.tenantId,
      key: randomBytes(32),
      request: randomBytes(32),
      sealed: randomBytes(8),
      created_at: ago(24 * HOUR),
      expires_at: end,
    });
    await inTransaction(call, ({ db }) => db('idempotency_keys').insert([key(ago(HOUR)), key(ago(-HOUR))]));

    await expiry.sweep();

    const left = await inTransaction(call, ({ db }) =>
      db('idempotency_keys').where({ tenant_id: call.tenantId }).pluck('expires_at'),
    );
    expect(left.map((end: Date) => end > new Date())).to.deep.equal([true]);
  });

  it('forgets old news, counters that ended, and letters that arrived', async () => {
    const tenantId = randomUUID();
    const key = randomUUID();
    await pool()('changes').insert([
      { topic: `${key}:old`, at: ago(2 * HOUR) },
      { topic: `${key}:new`, at: ago(HOUR / 2) },
    ]);
    await pool()('rate_limits').insert([
      { key: `${key}:old`, points: 1, expire: Date.now() - 2 * HOUR },
      { key: `${key}:new`, points: 1, expire: Date.now() + HOUR },
      { key: `${key}:forever`, points: 1, expire: null },
    ]);
    const letter = (id: string, ends: object) => ({
      tenant_id: tenantId,
      id,
      kind: 'none',
      payload: {},
      created_at: ago(0),
      due_at: ago(0),
      ...ends,
    });
    const [old, fresh, waiting, lost] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    await pool()('outbox').insert([
      letter(old, { delivered_at: ago(8 * 24 * HOUR) }),
      letter(fresh, { delivered_at: ago(6 * 24 * HOUR) }),
      letter(waiting, { created_at: ago(90 * 24 * HOUR) }),
      letter(lost, { dead_at: ago(29 * 24 * HOUR) }),
    ] as object[]);

    await expiry.sweep({ hourly: true });

    expect(await pool()('changes').whereLike('topic', `${key}%`).pluck('topic')).to.deep.equal([`${key}:new`]);
    expect(await pool()('rate_limits').whereLike('key', `${key}%`).pluck('key')).to.have.members([
      `${key}:new`,
      `${key}:forever`,
    ]);
    expect(await pool()('outbox').where({ tenant_id: tenantId }).pluck('id')).to.have.members([fresh, waiting, lost]);
  });

  it('goes on until a table is clean, though there is more than one statement deletes', async () => {
    const tenantId = randomUUID();
    const rows = LIMITS.expiryBatchRows * 2 + 1;
    await pool().raw(
      `insert into oidc_replay (tenant_id, id_hash, expires_at) select ?, decode(md5(n::text), 'hex'), now() - interval '1 hour' from generate_series(1, ?) n`,
      [tenantId, rows],
    );
    expect(await expiry.sweep()).to.deep.include({ oidc_replay: rows });
    expect(await expiry.sweep()).not.to.have.property('oidc_replay');
  });

  it('does not wait for a row that a request holds', async () => {
    const tenantId = randomUUID();
    await rowsOf(tenantId, ago(2 * HOUR));
    await rowsOf(tenantId, ago(2 * HOUR));
    const held = await pool().transaction();
    const [row] = await held('oidc_refresh_chain').where({ tenant_id: tenantId }).limit(1).forUpdate().select('chain');

    try {
      await expiry.sweep();
      expect(await pool()('oidc_refresh_chain').where({ tenant_id: tenantId }).pluck('chain')).to.deep.equal([
        row.chain,
      ]);
      expect(await count('oidc_grant', { tenant_id: tenantId })).to.equal(1);
    } finally {
      await held.rollback();
    }
    await expiry.sweep();
    expect(await count('oidc_refresh_chain', { tenant_id: tenantId })).to.equal(0);
    expect(await count('oidc_grant', { tenant_id: tenantId })).to.equal(0);
  });

  it('deletes each row once when two nodes sweep', async () => {
    const tenantId = randomUUID();
    for (let row = 0; row < 5; row++) await rowsOf(tenantId, ago(2 * HOUR));
    const gone = await Promise.all([expiry.sweep(), expiry.sweep(), expiry.sweep()]);
    expect(gone.reduce((sum, { oidc_session: rows = 0 }) => sum + rows, 0)).to.equal(5);
  });
});
