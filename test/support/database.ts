import type { Knex } from 'knex';
import pg from 'pg';
import { migrate } from '../../src/database/migrate.ts';
import { createPool } from '../../src/database/pool.ts';
import { startTestDatabase, type TestDatabase } from './postgres.ts';

/** Where the databases of a run are: one with the schema, which is copied for each process that runs tests. */
type Places = Pick<TestDatabase, 'url' | 'superuserUrl' | 'server'>;

const TEMPLATE = 'GATEHOUSE_TEST_TEMPLATE';

let template: TestDatabase | undefined;
let running: Places | undefined;
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

/** Once for the whole run, in the process that hands out the files. */
export async function mochaGlobalSetup(): Promise<void> {
  template = await startTestDatabase();
  const db = createPool(template.url, { max: 1, name: 'test schema' });
  await migrate(db);
  await db.destroy();
  process.env[TEMPLATE] = JSON.stringify(template);
}

/** Takes the databases of all processes away. */
export async function mochaGlobalTeardown(): Promise<void> {
  await counting?.destroy();
  await shared?.destroy();
  await template?.stop();
}

export const mochaHooks = {
  /** A process has one database for all its files. */
  async beforeAll(this: Mocha.Context): Promise<void> {
    if (running) return;
    this.timeout(60_000);
    running = await copyOf(JSON.parse(process.env[TEMPLATE]!));
    shared = createPool(running.url, { max: 20, name: 'test' });
  },
};

async function copyOf({ url, superuserUrl, server }: Places): Promise<Places> {
  const { pathname, username } = new URL(url);
  const name = `${pathname.slice(1)}_${process.pid}`;
  const admin = new pg.Client(server);
  await admin.connect();
  try {
    await admin.query(
      `create database ${name} template ${pathname.slice(1)} owner ${pg.escapeIdentifier(decodeURIComponent(username))}`,
    );
  } finally {
    await admin.end();
  }
  const at = (place: string) => Object.assign(new URL(place), { pathname: name }).href;
  return { url: at(url), superuserUrl: at(superuserUrl), server };
}
