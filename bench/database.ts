import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { startEmbedded } from '../src/database/embedded.ts';

/** PostgreSQL to measure on. Its settings are its own: whatever it commits is on disk. */
export type BenchServer = {
  version: string;
  /** A new, empty database that the role of the URL owns. */
  create(): Promise<string>;
  /** Drops what was created, and leaves the server. */
  stop(): Promise<void>;
};

const FOLDER = fileURLToPath(new URL('../var/bench', import.meta.url));

/** The server of DATABASE_URL, whose role may create databases; without it an embedded one in `var/bench`. */
export async function openBenchServer({
  durable = true,
  given = process.env['DATABASE_URL'],
} = {}): Promise<BenchServer> {
  const embedded = given ? undefined : await startEmbedded({ dataDir: FOLDER, log: console });
  const url = new URL(given ?? embedded!.url);
  const adminUrl = Object.assign(new URL(url), given ? {} : { username: 'postgres', pathname: 'postgres' }).href;
  const made: string[] = [];
  const { version, isDurable, isExempt } = await asAdmin(adminUrl, describeServer);
  if (durable && !isDurable) throw new Error('fsync and synchronous_commit must be on: it would measure nothing else.');
  // A node in production refuses a role that row-level security does not bind.
  const role =
    given && isExempt
      ? { username: `bench_${randomBytes(4).toString('hex')}`, password: randomBytes(16).toString('hex') }
      : undefined;
  const owner = role?.username ?? decodeURIComponent(url.username);
  if (role)
    await asAdmin(adminUrl, (admin) => admin.query(`create role ${role.username} login password '${role.password}'`));

  return {
    version,
    async create() {
      const name = `bench_${randomBytes(4).toString('hex')}`;
      await asAdmin(adminUrl, (admin) => admin.query(`create database ${name} owner ${pg.escapeIdentifier(owner)}`));
      made.push(name);
      return Object.assign(new URL(url), { ...role, pathname: name }).href;
    },
    async stop() {
      await asAdmin(adminUrl, async (admin) => {
        for (const name of made) await admin.query(`drop database if exists ${name} with (force)`);
        if (role) await admin.query(`drop role if exists ${role.username}`);
      });
      await embedded?.stop();
    },
  };
}

type Described = { version: string; isDurable: boolean; isExempt: boolean };

async function describeServer(admin: pg.Client): Promise<Described> {
  const { rows } = await admin.query<Described>(`select current_setting('server_version') as version,
    current_setting('fsync') = 'on' and current_setting('synchronous_commit') = 'on' as "isDurable",
    (select rolsuper or rolbypassrls from pg_roles where rolname = current_user) as "isExempt"`);
  return rows[0]!;
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
