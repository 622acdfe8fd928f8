import createKnex, { type Knex } from 'knex';
import type pg from 'pg';

/** How to reach PostgreSQL: a URL, or the parts of the embedded one. */
export type DatabaseAddress = string | { host: string; port: number; user: string; password: string; database: string };

/**
 * A pool of connections. A statement runs for 10 s at most, waits 5 s for a lock, and a transaction that a dead node
 * left open is ended after 15 s. Commit returns when the write-ahead log is on disk.
 */
export function createPool(address: DatabaseAddress, { max = 10, name = 'gatehouse' } = {}): Knex {
  const target = typeof address === 'string' ? { connectionString: address } : address;
  return createKnex({
    client: 'pg',
    connection: {
      ...target,
      application_name: name,
      statement_timeout: 10_000,
      lock_timeout: 5_000,
      idle_in_transaction_session_timeout: 15_000,
      // Several statements may be under way on one connection: a transaction costs one round trip (database/prepared.ts).
      pipeline: true,
    } as object,
    pool: { min: 0, max, idleTimeoutMillis: 30_000 },
    acquireConnectionTimeout: 2_000,
  });
}

/** A statement that PostgreSQL parses and plans once per connection. `name` is unique in the process. */
export type Prepared = { name: string; text: string };

/** Rows of a prepared statement over one connection of the pool, or over the transaction when `db` is one. */
export async function prepared<Row extends object>(db: Knex, { name, text }: Prepared, values: unknown[]): Promise<Row[]> {
  const connection = (await db.client.acquireConnection()) as pg.Client;
  try {
    return (await connection.query<Row>({ name, text, values })).rows;
  } finally {
    db.client.releaseConnection(connection);
  }
}

/**
 * Several prepared statements as one transaction and one round trip: all are sent before the first answers, so none may
 * depend on another's result. The first that fails takes all with it, and its error is thrown.
 */
export async function preparedTogether(db: Knex, statements: readonly { statement: Prepared; values: unknown[] }[]): Promise<object[][]> {
  if (statements.length === 1) return [await prepared(db, statements[0]!.statement, statements[0]!.values)];
  const connection = (await db.client.acquireConnection()) as pg.Client;
  try {
    const answers = [
      connection.query('begin'),
      ...statements.map(({ statement, values }) => connection.query<object>({ ...statement, values })),
      connection.query('commit'),
    ];
    const settled = await Promise.allSettled(answers);
    const broken = settled.find((answer) => answer.status === 'rejected');
    if (broken) {
      await connection.query('rollback');
      throw broken.reason;
    }
    return settled.slice(1, -1).map((answer) => (answer as PromiseFulfilledResult<pg.QueryResult<object>>).value.rows);
  } finally {
    db.client.releaseConnection(connection);
  }
}
