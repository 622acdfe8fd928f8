import { expect } from 'chai';
import type { Knex } from 'knex';
import { createPool, type Prepared, prepared, preparedTogether } from '../../src/database/pool.ts';
import { databaseUrl, pool } from '../support/database.ts';

const ADD: Prepared = { name: 'test-add', text: 'insert into pool_rows (id, value) values ($1, $2) returning id' };
const VALUES: Prepared = { name: 'test-values', text: 'select id from pool_rows order by id' };
const DIE: Prepared = { name: 'test-die', text: 'select pg_terminate_backend(pg_backend_pid())' };
const HURRY: Prepared = { name: 'test-hurry', text: `select set_config('statement_timeout', '20', true)` };
const SLEEP: Prepared = { name: 'test-sleep', text: 'select pg_sleep(60)' };
const ECHO: Prepared = { name: 'test-echo', text: 'select $1::int as value' };

/** One connection, so that each statement meets what the one before it left. */
let single: Knex;

const add = (id: number, value: unknown = null) => ({ statement: ADD, values: [id, value] });
const ids = async (db: Knex) => (await prepared<{ id: number }>(db, VALUES, [])).map(({ id }) => id);
const failureOf = (work: Promise<unknown>): Promise<Error & { code?: string }> =>
  work.then(
    () => expect.fail('it went well'),
    (error) => error,
  );

describe('the pool', () => {
  before(async () => {
    await pool().raw(
      'create table pool_rows (id int primary key, value jsonb, twin int references pool_rows (id) deferrable initially deferred)',
    );
    single = createPool(databaseUrl(), { max: 1, name: 'test' });
  });

  beforeEach(() => pool().raw('truncate pool_rows'));

  after(async () => {
    await single.destroy();
    await pool().raw('drop table pool_rows');
  });

  it('runs statements together: all rows are kept, and answered in order', async () => {
    expect(await preparedTogether(single, [add(1), add(2), { statement: VALUES, values: [] }])).to.deep.equal([
      [{ id: 1 }],
      [{ id: 2 }],
      [{ id: 1 }, { id: 2 }],
    ]);
    expect(await preparedTogether(single, [])).to.deep.equal([]);
    expect(await ids(pool())).to.deep.equal([1, 2]);
  });

  it('keeps nothing when a statement in the middle fails, and the connection goes on', async () => {
    const { rows: before } = await single.raw('select pg_backend_pid() as pid');
    expect((await failureOf(preparedTogether(single, [add(1), add(1), add(2)]))).code).to.equal('23505');
    expect(await ids(single)).to.deep.equal([]);
    await preparedTogether(single, [add(1), add(2)]);
    expect(await ids(pool())).to.deep.equal([1, 2]);
    const { rows: after } = await single.raw('select pg_backend_pid() as pid');
    expect(after).to.deep.equal(before);
  });

  it('keeps nothing when the commit itself fails', async () => {
    const orphan: Prepared = { name: 'test-orphan', text: 'insert into pool_rows (id, twin) values ($1, $2)' };
    const error = await failureOf(preparedTogether(single, [add(1), { statement: orphan, values: [2, 99] }]));
    expect(error.code).to.equal('23503');
    expect(await ids(single)).to.deep.equal([]);
  });

  it('keeps nothing when a statement takes too long', async () => {
    const work = preparedTogether(single, [
      { statement: HURRY, values: [] },
      add(1),
      { statement: SLEEP, values: [] },
      add(2),
    ]);
    expect((await failureOf(work)).code).to.equal('57014');
    expect(await ids(single)).to.deep.equal([]);
  });

  it('keeps nothing when the connection is lost, tells why, and takes another one', async () => {
    const error = await failureOf(preparedTogether(single, [add(1), { statement: DIE, values: [] }, add(2)]));
    // What the server says of it, or the socket, where our next write finds it closed before that was read.
    expect(`${error.code} ${error.message}`).to.match(/57P01|EPIPE|ECONNRESET|terminated/);
    expect(await ids(single)).to.deep.equal([]);
  });

  it('sends nothing when a value cannot be sent, and the statement’s name stays good', async () => {
    const knot: { itself?: unknown } = {};
    knot.itself = knot;
    expect((await failureOf(preparedTogether(single, [add(1), add(2, knot), add(3)]))).message).to.match(/circular/i);
    expect((await failureOf(prepared(single, ADD, [1, knot]))).message).to.match(/circular/i);
    expect(await ids(single)).to.deep.equal([]);
    await prepared(single, ADD, [1, { plain: true }]);
    expect(await ids(single)).to.deep.equal([1]);
  });

  it('refuses two statements of one name', async () => {
    const namesake = { statement: { name: ADD.name, text: 'select 1' }, values: [] };
    expect((await failureOf(preparedTogether(single, [add(1), namesake]))).message).to.equal(
      'Two statements are called "test-add".',
    );
    expect(await ids(single)).to.deep.equal([]);
  });

  it('gives each of many callers on few connections its own rows', async () => {
    const callers = Array.from({ length: 200 }, (_, index) => index + 1);
    const answers = await Promise.all(
      callers.map((value) =>
        preparedTogether(pool(), [
          { statement: ECHO, values: [value] },
          { statement: ECHO, values: [-value] },
        ]),
      ),
    );
    expect(answers).to.deep.equal(callers.map((value) => [[{ value }], [{ value: -value }]]));
  });
});

describe('a transaction of the pool', () => {
  before(() => pool().raw('create table pool_rows (id int primary key, value jsonb)'));
  beforeEach(() => pool().raw('truncate pool_rows'));
  after(() => pool().raw('drop table pool_rows'));

  it('takes prepared statements in, and takes them back', async () => {
    const error = await failureOf(
      pool().transaction(async (tx) => {
        await prepared(tx, ADD, [1, null]);
        await preparedTogether(tx, [add(2), add(3)]);
        expect(await ids(tx)).to.deep.equal([1, 2, 3]);
        throw new Error('changed my mind');
      }),
    );
    expect(error.message).to.equal('changed my mind');
    expect(await ids(pool())).to.deep.equal([]);
  });

  it('survives statements that fail together', async () => {
    await pool().transaction(async (tx) => {
      await prepared(tx, ADD, [1, null]);
      expect((await failureOf(preparedTogether(tx, [add(2), add(1)]))).code).to.equal('23505');
      await prepared(tx, ADD, [3, null]);
    });
    expect(await ids(pool())).to.deep.equal([1, 3]);
  });

  it('lends its connection to nobody when it has ended', async () => {
    let ended: Knex | undefined;
    await pool().transaction(async (tx) => {
      ended = tx;
    });
    expect((await failureOf(prepared(ended!, VALUES, []))).message).to.equal('The transaction has ended.');
  });

  it('does not pass for committed when a statement had failed and its error was passed over', async () => {
    const error = await failureOf(
      pool().transaction(async (tx) => {
        await prepared(tx, ADD, [1, null]);
        await prepared(tx, ADD, [1, null]).catch(() => {});
      }),
    );
    expect(error.message).to.match(/Nothing was committed/);
    expect(await ids(pool())).to.deep.equal([]);
  });

  it('does not write a failed statement’s values into the error', async () => {
    const error = await failureOf(pool()('pool_rows').insert({ id: 1, value: 'hunter2, not JSON' }));
    expect(error.message).to.include('insert into').and.not.include('hunter2');
  });
});
