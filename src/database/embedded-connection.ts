import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { findPostmaster, type Postmaster, removeStaleLocks } from './embedded-postmaster.ts';

const READY_MS = 300_000;
const ORPHANS_MS = 10_000;
const POLL_MS = 15;

/** A URL that URL parsers take too: the host in it gives way to the socket's folder. */
export function urlOf(socketFolder: string): string {
  return `postgres://gatehouse@localhost:5432/gatehouse?host=${encodeURIComponent(socketFolder)}&sslmode=disable`;
}

/** A connection to the database of the role's name, or why there is none. */
export async function connect(
  socketFolder: string,
  role: 'gatehouse' | 'postgres',
): Promise<pg.Client | DatabaseError> {
  const client = new pg.Client({
    host: socketFolder,
    port: 5432,
    user: role,
    database: role,
    ssl: false,
    application_name: 'gatehouse-embedded',
    connectionTimeoutMillis: 5_000,
  });
  // A connection that breaks also ends, and that is what we listen for.
  client.on('error', () => {});
  return client.connect().then(
    () => client,
    (error: DatabaseError) => error,
  );
}

type DatabaseError = Error & { code?: string };

/**
 * A connection to the database, which is started when nobody answers. Who answers the socket inside the folder serves
 * this folder, whoever started it and whatever process ids say. Not for two processes at once.
 */
export async function attach(socketFolder: string, folder: string, spawn: () => Postmaster): Promise<pg.Client> {
  const began = performance.now();
  const starter = createStarter(folder, spawn);
  let made = false;
  while (performance.now() - began < READY_MS) {
    const answer = await connect(socketFolder, 'gatehouse');
    if (answer instanceof pg.Client) return answer;
    const state = stateOf(answer);
    if (state === 'broken' || (state === 'empty' && made)) throw answer;
    if (state === 'empty') {
      await makeDatabase(socketFolder);
      made = true;
      continue;
    }
    if (state === 'absent') await starter.startUnlessStarting();
    await delay(POLL_MS);
  }
  throw new Error('PostgreSQL is running, but does not accept connections.');
}

function createStarter(folder: string, spawn: () => Postmaster): { startUnlessStarting(): Promise<void> } {
  const began = performance.now();
  let own: Postmaster | undefined;

  /** What a killed postmaster left behind ends by itself, soon. */
  const waitsForOrphans = (failure: string) =>
    failure.includes('pre-existing shared memory block') && performance.now() - began < ORPHANS_MS;

  return {
    async startUnlessStarting() {
      const failure = own?.failure();
      if (own && failure === undefined) return;
      if (failure !== undefined && !waitsForOrphans(failure)) throw new Error(`PostgreSQL did not start: ${failure}`);
      // It is there, but not ready to answer yet, or not any more.
      if ((await findPostmaster(folder)) !== undefined) return;
      await removeStaleLocks(folder);
      own = spawn();
    },
  };
}

function stateOf(error: DatabaseError): 'absent' | 'unready' | 'empty' | 'broken' {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return 'absent';
    case '28000': // there is no such role
    case '3D000': // there is no such database
      return 'empty';
    case '57P01': // is being stopped
    case '57P02': // recovers from the crash of one of its processes
    case '57P03': // is starting, recovering or being stopped
    case 'ECONNRESET':
    case 'EPIPE':
      return 'unready';
    default:
      return /^(Connection terminated|timeout expired)/.test(error.message) ? 'unready' : 'broken';
  }
}

async function makeDatabase(socketFolder: string): Promise<void> {
  const superuser = await connect(socketFolder, 'postgres');
  if (superuser instanceof Error) throw superuser;
  try {
    const { rowCount } = await superuser.query(`select from pg_roles where rolname = 'gatehouse'`);
    if (rowCount === 0) await superuser.query('create role gatehouse login');
    await superuser.query('create database gatehouse owner gatehouse');
  } finally {
    await superuser.end();
  }
}
