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
export async function openBenchServer(given = process.env['DATABASE_URL']): Promise<BenchServer> {
  const embedded = given ? undefined : await startEmbedded({ dataDir: FOLDER, log: console });
  const url = new URL(given ?? embedded!.url);
  const adminUrl = Object.assign(new URL(url), given ? {} : { username: 'postgres', pathname: 'postgres' }).href;
  const owner = decodeURIComponent(url.username);
  const made: string[] = [];

  const asAdmin = async <T>(work: (admin: pg.Client) => Promise<T>): Promise<T> => {
    const admin = new pg.Client(adminUrl);
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.end();
    }
  };
  const { version, durable } = await asAdmin(async (admin) => {
    const { rows } = await admin.query(`select current_setting('server_version') as version,
      current_setting('fsync') = 'on' and current_setting('synchronous_commit') = 'on' as durable`);
    return rows[0] as { version: string; durable: boolean };
  });
  if (!durable)
    throw new Error('The database is not durable (fsync and synchronous_commit must be on): it would measure nothing.');

  return {
    version,
    async create() {
      const name = `bench_${randomBytes(4).toString('hex')}`;
      await asAdmin((admin) => admin.query(`create database ${name} owner ${pg.escapeIdentifier(owner)}`));
      made.push(name);
      return Object.assign(new URL(url), { pathname: name }).href;
    },
    async stop() {
      await asAdmin(async (admin) => {
        for (const name of made) await admin.query(`drop database if exists ${name} with (force)`);
      });
      await embedded?.stop();
    },
  };
}
