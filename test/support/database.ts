import type { Knex } from 'knex';
import { migrate } from '../../src/database/migrate.ts';
import { createPool } from '../../src/database/pool.ts';
import { startTestDatabase, type TestDatabase } from './postgres.ts';

let running: TestDatabase | undefined;
let shared: Knex | undefined;
let counting: Knex | undefined;

/** The pool of the whole run, as the role that Gatehouse itself uses: row-level security binds it. */
export function pool(): Knex {
  if (!shared) throw new Error('the database starts in beforeAll');
  return shared;
}

/** The counters' own pool, as a node has it. */
export function counters(): Knex {
  counting ??= createPool(databaseUrl(), { max: 4, name: 'counters' });
  return counting;
}

/** Where the run's database is, for a test that starts a node of its own. */
export function databaseUrl(): string {
  if (!running) throw new Error('the database starts in beforeAll');
  return running.url;
}

/** The same database as its superuser: for a test that looks behind row-level security. */
export function superuserUrl(): string {
  if (!running) throw new Error('the database starts in beforeAll');
  return running.superuserUrl;
}

export const mochaHooks = {
  async beforeAll(this: Mocha.Context): Promise<void> {
    this.timeout(60_000);
    running = await startTestDatabase();
    shared = createPool(running.url, { max: 20, name: 'test' });
    await migrate(shared);
  },
  async afterAll(): Promise<void> {
    await counting?.destroy();
    await shared?.destroy();
    await running?.stop();
  },
};
