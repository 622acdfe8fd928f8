import pg from 'pg';

/**
 * The statements that all connections of this process send while `work` runs, in the order in which they leave. The
 * driver is listened to, so whatever way a statement takes, it is seen.
 */
export async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const texts: string[] = [];
  const prototype = pg.Client.prototype as unknown as { query(...args: unknown[]): unknown };
  const { query } = prototype;
  prototype.query = function (this: unknown, ...args: unknown[]) {
    const [first] = args;
    texts.push(typeof first === 'string' ? first : (first as { text: string }).text);
    return query.apply(this, args);
  };
  try {
    await work();
  } finally {
    prototype.query = query;
  }
  // What Knex asks on each new connection belongs to no request.
  return texts.map((text) => text.replace(/\s+/g, ' ').trim()).filter((text) => text !== 'select version();');
}
