import { createRequire } from 'node:module';
import createKnex, { type Knex } from 'knex';
import pg from 'pg';

// Knex has no other name for it, and no types.
const PostgresClient = createRequire(import.meta.url)('knex/lib/dialects/postgres/index.js') as KnexClient;
type KnexClient = new (
  config: Knex.Config,
) => Knex.Client & { _query(connection: pg.Client, query: KnexQuery): Promise<KnexQuery> };

/** How to reach PostgreSQL: a URL, or its parts. */
export type DatabaseAddress = string | { host: string; port: number; user: string; password: string; database: string };

/**
 * A pool of connections. A statement runs for 10 s at most, waits 5 s for a lock, and a transaction that a dead node
 * left open is ended after 15 s. Commit returns when the write-ahead log is on disk.
 */
export function createPool(address: DatabaseAddress, { max = 10, name = 'gatehouse' } = {}): Knex {
  const target = typeof address === 'string' ? { connectionString: address } : address;
  return createKnex({
    client: CommittingClient as unknown as typeof Knex.Client,
    connection: {
      ...target,
      application_name: name,
      statement_timeout: 10_000,
      lock_timeout: 5_000,
      idle_in_transaction_session_timeout: 15_000,
      // Several statements may be under way on one connection: a transaction costs one round trip (preparedTogether).
      pipeline: true,
    } as object,
    pool: { min: 0, max, idleTimeoutMillis: 30_000 },
    acquireConnectionTimeout: 2_000,
    // Knex would write the values of a failed statement, secrets among them, into the error's message.
    compileSqlOnError: false,
  });
}

/**
 * Knex's client, but a commit that kept nothing is an error. When a statement of a transaction has failed and the code
 * went on all the same, PostgreSQL answers COMMIT with ROLLBACK, which Knex takes for success. (A class, because Knex
 * makes the client of each transaction from its prototype.)
 */
class CommittingClient extends PostgresClient {
  override _query(connection: pg.Client, query: KnexQuery): Promise<KnexQuery> {
    const answered = super._query(connection, query);
    return query.sql === 'COMMIT;' ? answered.then(assertCommitted) : answered;
  }
}

type KnexQuery = { sql: string; response?: { command: string } };

function assertCommitted(query: KnexQuery): KnexQuery {
  if (query.response?.command === 'COMMIT') return query;
  throw new Error('Nothing was committed: a statement of the transaction had failed, and its error was passed over.');
}

/** Asks the database for nothing, to see whether it answers. */
export async function ping(db: Knex): Promise<void> {
  await db.raw('select 1');
}

/** A statement that PostgreSQL parses and plans once per connection. `name` is unique in the process. */
export type Prepared = { name: string; text: string };

/**
 * Rows of a prepared statement over one connection of the pool, or over the transaction when `db` is one.
 *
 * @throws Error when `db` is a transaction that has ended: its connection is somebody else's by now
 */
export async function prepared<Row extends object>(db: Knex, statement: Prepared, values: unknown[]): Promise<Row[]> {
  const query = toQuery(statement, values);
  return withConnection(db, async (connection) => (await connection.query<Row>(query)).rows);
}

/**
 * Several prepared statements as one transaction and one round trip: all are sent before the first answers, so none may
 * depend on another's result. The first that fails takes all with it, and its error is thrown. When `db` is a
 * transaction already, they are a savepoint in it.
 */
export async function preparedTogether(
  db: Knex,
  statements: readonly { statement: Prepared; values: unknown[] }[],
): Promise<object[][]> {
  // All of what can go wrong on our side goes wrong here: a statement that was not sent would not stop the commit.
  const queries = statements.map(({ statement, values }) => toQuery(statement, values));
  const [first] = queries;
  if (!first) return [];
  const { begin, keep, undo } = db.isTransaction ? SAVEPOINT : TRANSACTION;
  return withConnection(db, async (connection) => {
    if (queries.length === 1 && !db.isTransaction) return [(await connection.query<object>(first)).rows];
    const answers = [
      connection.query(begin),
      ...queries.map((query) => connection.query<object>(query)),
      connection.query(keep),
    ];
    const settled = await Promise.allSettled(answers);
    const broken = settled.find((answer) => answer.status === 'rejected');
    if (broken) {
      // On a lost connection it fails too; the first error is the one that tells.
      await connection.query(undo).catch(() => {});
      throw broken.reason;
    }
    return settled.slice(1, -1).map((answer) => (answer as PromiseFulfilledResult<pg.QueryResult<object>>).value.rows);
  });
}

const TRANSACTION = { begin: 'begin', keep: 'commit', undo: 'rollback' };
const SAVEPOINT = {
  begin: 'savepoint together',
  keep: 'release savepoint together',
  undo: 'rollback to savepoint together; release savepoint together',
};

const textOf = new Map<string, string>();

/**
 * A statement with its values as they go over the wire. Conversion happens here, not in `query`: when it throws there,
 * after the statement was named and sent, that name is of no use any more on the connection.
 */
function toQuery({ name, text }: Prepared, values: unknown[]): { name: string; text: string; values: unknown[] } {
  const known = textOf.get(name);
  if (known === undefined) textOf.set(name, text);
  else if (known !== text) throw new Error(`Two statements are called "${name}".`);
  return { name, text, values: values.map((value) => toWire(value)) };
}

const toWire = (pg as unknown as { utils: { prepareValue(value: unknown): string | Buffer | null } }).utils
  .prepareValue;

async function withConnection<T>(db: Knex, work: (connection: pg.Client) => Promise<T>): Promise<T> {
  if (db.isTransaction && (db as Knex.Transaction).isCompleted()) throw new Error('The transaction has ended.');
  const connection = (await db.client.acquireConnection()) as pg.Client & { __knex__disposed?: unknown };
  try {
    return await work(connection);
  } finally {
    // What is still in a transaction of its own must not reach the next user; Knex throws such a connection away.
    if (!db.isTransaction && connection.getTransactionStatus() !== 'I')
      connection.__knex__disposed ??= 'left in a transaction';
    db.client.releaseConnection(connection);
  }
}
