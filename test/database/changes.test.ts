import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import pg from 'pg';
import { type Changes, createChanges } from '../../src/database/changes.ts';
import { databaseUrl, pool, superuserUrl } from '../support/database.ts';
import { aLog } from '../support/http.ts';

const EVERYTHING = 'everything';

/** A listener, and what it heard, in order. */
async function aListener(prefix: string, { pollMs = 600_000 } = {}) {
  const changes = createChanges({ address: databaseUrl(), log: aLog().log, pollMs });
  const heard: string[] = [];
  let wake = () => {};
  const off = changes.on(prefix, (topic) => {
    heard.push(topic ?? EVERYTHING);
    wake();
  });
  started.push(changes);
  await changes.start();
  heard.length = 0;
  return {
    changes,
    heard,
    off,
    /** Resolves when `topic` has been heard so many times. */
    async until(topic: string, times = 1): Promise<void> {
      while (heard.filter((one) => one === topic).length < times) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

const started: Changes[] = [];

async function aTenantRow(): Promise<string> {
  const id = randomUUID();
  await pool().transaction(async (tx) => {
    await tx.raw(`select set_config('gatehouse.operator', 'on', true)`);
    await tx('tenants').insert({
      id,
      slug: `s${id}`,
      name: 'A',
      type: 'customer',
      status: 'active',
      created_at: new Date(),
      updated_at: new Date(),
    });
  });
  return id;
}

const notify = (topic: string) => pool().raw(`select pg_notify('gatehouse', ?)`, [topic]);

async function killListeners(): Promise<void> {
  const client = new pg.Client(superuserUrl());
  await client.connect();
  const { rowCount } = await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gatehouse changes'`,
  );
  await client.end();
  expect(rowCount).to.be.greaterThan(0);
}

describe('changes', () => {
  afterEach(async () => {
    for (const changes of started.splice(0)) await changes.stop();
  });

  it('tell every node what one of them changed', async () => {
    const [one, two] = await Promise.all([aListener('tenant:'), aListener('tenant:')]);
    const id = await aTenantRow();
    await Promise.all([one.until(`tenant:${id}`), two.until(`tenant:${id}`)]);
    expect(one.heard).to.deep.equal([`tenant:${id}`]);
  });

  it('come once they are committed, and never when they are rolled back', async () => {
    const { heard, until } = await aListener('test:');
    const tx = await pool().transaction();
    await tx.raw(`select pg_notify('gatehouse', 'test:undone')`);
    await tx.rollback();
    await notify('test:done');
    await until('test:done');
    expect(heard).to.deep.equal(['test:done']);
  });

  it('come to those who asked for their prefix, until they ask no more', async () => {
    const { heard, changes, off, until } = await aListener('client:');
    const all: string[] = [];
    const last = Promise.withResolvers<void>();
    changes.on('', (topic) => {
      all.push(topic ?? EVERYTHING);
      if (topic === 'last') last.resolve();
    });
    changes.on('client:', () => {
      throw new Error('a handler that fails takes nothing from the others');
    });
    await notify('tenant:1');
    await notify('client:1');
    await until('client:1');
    off();
    await notify('client:2');
    await notify('last');
    await last.promise;

    expect(heard).to.deep.equal(['client:1']);
    expect(all).to.deep.equal(['tenant:1', 'client:1', 'client:2', 'last']);
  });

  it('say that anything may have changed when the connection is lost, and again when it is back; then go on', async () => {
    const { heard, until } = await aListener('test:');
    await killListeners();
    await until(EVERYTHING, 2);
    await notify('test:after');
    await until('test:after');
    expect(heard).to.deep.equal([EVERYTHING, EVERYTHING, 'test:after']);
  });

  it('are read from the table when their notification was lost, once', async () => {
    const { heard, until } = await aListener('test:', { pollMs: 20 });
    await pool()('changes').insert({ topic: 'test:quiet' });
    await until('test:quiet');
    await pool()('changes').insert({ topic: 'test:next' });
    await until('test:next');
    await pool()('changes').insert({ topic: 'test:last' });
    await until('test:last');
    expect(heard).to.deep.equal(['test:quiet', 'test:next', 'test:last']);
  });

  it('are not told a second time by the table when the notification came', async () => {
    const { heard, until } = await aListener('', { pollMs: 20 });
    const id = await aTenantRow();
    await until(`tenant:${id}`);
    for (const topic of ['test:1', 'test:2', 'test:3']) {
      await pool()('changes').insert({ topic });
      await until(topic);
    }
    expect(heard.filter((topic) => topic === `tenant:${id}`)).to.have.length(1);
  });

  it('that were missed come though earlier ones of the same topic were heard', async () => {
    const { until } = await aListener('tenant:', { pollMs: 20 });
    const id = await aTenantRow();
    await until(`tenant:${id}`);
    await pool()('changes').insert({ topic: `tenant:${id}` });
    await until(`tenant:${id}`, 2);
  });

  it('do not hold a start up while the database is away', async () => {
    const changes = createChanges({ address: 'postgres://nobody@127.0.0.1:1/none', log: aLog().log });
    await changes.start();
    await changes.stop();
  });

  it('end with stop, which leaves no connection behind', async () => {
    const { changes } = await aListener('test:');
    await changes.stop();
    const client = new pg.Client(superuserUrl());
    await client.connect();
    let open = 1;
    while (open > 0) {
      const { rows } = await client.query<{ open: number }>(
        `select count(*)::integer as open from pg_stat_activity where application_name = 'gatehouse changes'`,
      );
      open = rows[0]!.open;
    }
    await client.end();
    expect(open).to.equal(0);
  });
});
