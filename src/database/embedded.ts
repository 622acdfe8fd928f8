import { mkdir, realpath } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { isRoot } from './embedded-account.ts';
import { attach, connect, urlOf } from './embedded-connection.ts';
import { prepareFolder, share, shortPath } from './embedded-folder.ts';
import { withFileLock } from './embedded-lock.ts';
import { type Settings, spawnPostmaster, stopPostmaster } from './embedded-postmaster.ts';

/** Where what happens to the database is told; pino's logger is one. */
export type EmbeddedLog = { warn(message: string): void; error(message: string): void };

/** A running embedded PostgreSQL. */
export type Embedded = {
  /** As role `gatehouse`, which owns the database of that name and is no superuser. Stays the same over restarts. */
  url: string;
  /** Stops the database, unless another node still uses it. Close pools before. A second call waits for the first. */
  stop(): Promise<void>;
};

/** Any number: each node holds it shared, by a connection of its own, for as long as it uses the database. */
const IN_USE = 4_172_002;
const CLAIM_MS = 300;
const RETRY_MS = 2_000;

/**
 * Runs PostgreSQL on `dataDir/postgres`, which is made at first. A database that an earlier node left running is
 * adopted, one that crashed recovers, and several nodes on one `dataDir` share it. When it breaks down later it is
 * started anew. `settings` go to PostgreSQL when it is this node that starts it.
 *
 * @throws Error, one sentence that says what to do, when that is not possible here
 */
export async function startEmbedded(options: {
  dataDir: string;
  log: EmbeddedLog;
  settings?: Settings;
}): Promise<Embedded> {
  const { log, settings = {} } = options;
  assertSupported();
  await mkdir(options.dataDir, { recursive: true });
  const dataDir = await realpath(options.dataDir);
  const [folder, lockFile, logFile] = [
    join(dataDir, 'postgres'),
    join(dataDir, 'postgres.lock'),
    join(dataDir, 'postgres.log'),
  ];
  const socket = await shortPath(folder);
  let stopping: Promise<void> | undefined;
  let seat: pg.Client | undefined;

  const enter = () =>
    withFileLock(lockFile, async () => {
      if (stopping) return;
      const { account, binaries } = await prepareFolder(folder, { sync: settings['fsync'] !== 'off' });
      share(lockFile, account);
      seat = await attach(socket.path, folder, () =>
        spawnPostmaster(binaries.postgres, folder, account, logFile, settings),
      );
      await seat.query('select pg_advisory_lock_shared($1)', [IN_USE]);
      seat.once('end', () => stopping ?? recover());
    });

  async function recover(): Promise<void> {
    log.error(`The embedded database ended our connection; ${logFile} may say why.`);
    while (!stopping) {
      try {
        await enter();
        return log.warn('The embedded database is back.');
      } catch (error) {
        log.error(`The embedded database does not start: ${(error as Error).message}`);
        await delay(RETRY_MS);
      }
    }
  }

  const leave = () =>
    withFileLock(lockFile, async () => {
      const last = await giveUp(seat, socket.path);
      if (last && !(await stopPostmaster(folder)) && (await isAnswered(socket.path))) {
        log.warn(`The embedded database could not be stopped and runs on; ${logFile} may say why.`);
      }
      await socket.remove();
    });

  try {
    await enter();
  } catch (error) {
    await socket.remove();
    throw error;
  }
  return {
    url: urlOf(socket.path),
    stop: () => {
      stopping ??= leave();
      return stopping;
    },
  };
}

function assertSupported(): void {
  if (platform() === 'win32' || (isRoot() && platform() !== 'linux')) {
    throw new Error('The embedded database runs on Linux, and on macOS for any user but root. Set DATABASE_URL.');
  }
}

/**
 * Gives up this node's claim on the database. The answer is whether no other node has one; that of a node which was just
 * killed lasts for an instant.
 */
async function giveUp(seat: pg.Client | undefined, socketFolder: string): Promise<boolean> {
  await seat?.query('select pg_advisory_unlock_shared($1)', [IN_USE]).catch(() => {});
  await seat?.end();
  const asking = await connect(socketFolder, 'gatehouse');
  if (!(asking instanceof pg.Client)) return true;
  try {
    await asking.query(`set lock_timeout = '${CLAIM_MS}ms'`);
    return await asking.query('select pg_advisory_lock($1)', [IN_USE]).then(
      () => true,
      () => false,
    );
  } finally {
    await asking.end();
  }
}

async function isAnswered(socketFolder: string): Promise<boolean> {
  const answer = await connect(socketFolder, 'gatehouse');
  if (!(answer instanceof pg.Client)) return false;
  await answer.end();
  return true;
}
