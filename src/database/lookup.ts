import type { Knex } from 'knex';
import { type Prepared, prepared } from './pool.ts';

/** Finds the one row of a key; undefined where there is none. */
export type Lookup<Row extends object> = (db: Knex, key: readonly unknown[]) => Promise<Row | undefined>;

type Waiting<Row> = { key: readonly unknown[]; resolve(row: Row | undefined): void; reject(error: unknown): void };

/** The most keys of one statement. */
const MOST = 100;

/**
 * A look-up that many requests make at the same time. Those that come within one turn of the event loop go to the
 * database as one statement: a statement costs Node far more than a key in it. A look-up that comes alone is the plain
 * statement, and inside of a transaction each one is.
 *
 * @param statement finds at most one row for `$1`, `$2`, … @param types PostgreSQL's types of these
 */
export function createLookup<Row extends object>(statement: Prepared, types: readonly string[]): Lookup<Row> {
  const many = together(statement, types);
  const waiting = new Map<Knex, Waiting<Row>[]>();

  async function alone(db: Knex, key: readonly unknown[]): Promise<Row | undefined> {
    const [row] = await prepared<Row>(db, statement, [...key]);
    return row;
  }

  async function answer(db: Knex, asked: readonly Waiting<Row>[]): Promise<void> {
    const [first] = asked;
    if (asked.length === 1 && first) return void alone(db, first.key).then(first.resolve, first.reject);
    const columns = types.map((_, column) => asked.map(({ key }) => key[column]));
    try {
      const found = new Map(
        (await prepared<Row & { asked: number }>(db, many, columns)).map((row) => [row.asked, row]),
      );
      for (const [index, { resolve }] of asked.entries()) resolve(found.get(index + 1));
    } catch {
      // What one of them brought must not fail the others.
      for (const { key, resolve, reject } of asked) alone(db, key).then(resolve, reject);
    }
  }

  function flush(db: Knex): void {
    const all = waiting.get(db) ?? [];
    waiting.delete(db);
    for (let start = 0; start < all.length; start += MOST) void answer(db, all.slice(start, start + MOST));
  }

  return (db, key) => {
    if (db.isTransaction) return alone(db, key);
    return new Promise((resolve, reject) => {
      const one = { key, resolve, reject };
      const others = waiting.get(db);
      if (others) {
        others.push(one);
      } else {
        waiting.set(db, [one]);
        setImmediate(flush, db);
      }
    });
  };
}

/**
 * The same statement for arrays of keys; `asked` is the place of the key. The limit keeps the planner from turning it
 * into a join of whole tables: each key is one descent of the index.
 */
function together({ name, text }: Prepared, types: readonly string[]): Prepared {
  const arrays = types.map((type, index) => `$${index + 1}::${type}[]`).join(', ');
  const names = types.map((_, index) => `v${index + 1}`).join(', ');
  const one = text.replaceAll(/\$(\d)/g, 'k.v$1');
  return {
    name: `${name}-together`,
    text: `select k.asked::int as asked, found.* from unnest(${arrays}) with ordinality as k(${names}, asked)
      cross join lateral (${one} limit 1) found`,
  };
}
