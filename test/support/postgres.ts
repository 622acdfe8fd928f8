import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { startEmbedded } from '../../src/database/embedded.ts';

export type TestDatabase = {
  /** As the role that Gatehouse itself uses: row-level security binds it. */
  url: string;
  /** The same database as a superuser. */
  superuserUrl: string;
  /** The server, at a database that nobody copies, as somebody who may make databases. */
  server: string;
  /** Drops the database and its copies, whoever is connected to it. */
  stop(): Promise<void>;
};

const FOLDER = fileURLToPath(new URL('../../var/test', import.meta.url));

/**
 * A new database: on the server of DATABASE_URL, or on an embedded one in `var/test`. Runs at the same time share that
 * server, and one that was killed leaves it to the next.
 */
export async function startTestDatabase(): Promise<TestDatabase> {
  const given = process.env['DATABASE_URL'];
  if (given) return createOn(given, given, async () => {});
  const embedded = await startEmbedded({
    dataDir: FOLDER,
    log: console,
    settings: { max_connections: '300', synchronous_commit: 'off' },
  });
  return createOn(withParts(embedded.url, { username: 'postgres', pathname: 'postgres' }), embedded.url, embedded.stop);
}

async function createOn(server: string, ordinary: string, stopServer: () => Promise<void>): Promise<TestDatabase> {
  const name = `test_${Math.floor(Date.now() / 1000)}_${randomBytes(4).toString('hex')}`;
  const role = await asAdmin(server, async (admin) => {
    await dropForgotten(admin);
    const access = await roleFor(admin, server, ordinary, name);
    await admin.query(`create database ${name} owner ${pg.escapeIdentifier(access.username)}`);
    return access;
  });
  return {
    url: withParts(ordinary, { ...role, pathname: name }),
    superuserUrl: withParts(server, { pathname: name }),
    server,
    async stop() {
      await asAdmin(server, async (admin) => {
        for (const copy of await copiesOf(admin, name)) await admin.query(`drop database ${copy} with (force)`);
        await admin.query(`drop database ${name} with (force)`);
        await admin.query(`drop role if exists ${name}`);
      });
      await stopServer();
    },
  };
}

async function copiesOf(admin: pg.Client, name: string): Promise<string[]> {
  const { rows } = await admin.query<{ name: string }>(
    `select datname as name from pg_database where starts_with(datname, $1)`,
    [`${name}_`],
  );
  return rows.map((row) => row.name);
}

/** The role to test as; a new one where the server's own is exempt from row-level security. */
async function roleFor(
  admin: pg.Client,
  server: string,
  ordinary: string,
  name: string,
): Promise<{ username: string; password?: string }> {
  if (server !== ordinary) return { username: decodeURIComponent(new URL(ordinary).username) };
  const { rows } = await admin.query<{ username: string; exempt: boolean }>(
    'select rolname as username, rolsuper or rolbypassrls as exempt from pg_roles where rolname = current_user',
  );
  if (rows[0]?.exempt === false) return { username: rows[0].username };
  const password = randomBytes(16).toString('hex');
  await admin.query(`create role ${name} login password '${password}'`);
  return { username: name, password };
}

/** Databases of runs that were killed: an hour old, and nobody is connected. */
async function dropForgotten(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    `select datname as name from pg_database d
     where datname ~ '^test_\\d+_[0-9a-f]{8}(_\\d+)?$' and split_part(datname, '_', 2)::bigint < extract(epoch from now()) - 3600
       and not exists (select from pg_stat_activity a where a.datname = d.datname)`,
  );
  for (const { name } of rows) {
    // Another run may be doing the same.
    await admin.query(`drop database if exists ${name}`).catch(() => {});
    await admin.query(`drop role if exists ${name}`).catch(() => {});
  }
}

async function asAdmin<T>(url: string, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client(url);
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

function withParts(url: string, parts: { username?: string; password?: string; pathname: string }): string {
  return Object.assign(new URL(url), parts).href;
}
