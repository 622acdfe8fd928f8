import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Account } from './embedded-account.ts';
import { insideName, SOCKET, share } from './embedded-folder.ts';

const run = promisify(execFile);

/** Settings of PostgreSQL, by name (`postgresql.conf`). */
export type Settings = Readonly<Record<string, string>>;

const MODEST: Settings = {
  shared_buffers: '64MB',
  max_connections: '100',
  max_wal_size: '512MB',
  io_method: 'sync',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  max_logical_replication_workers: '0',
  timezone: 'UTC',
  // Starts, stops and crashes. Failed statements are the business of who sent them; their texts can carry secrets.
  log_timezone: 'UTC',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
};

const ONLY_BY_SOCKET: Settings = {
  listen_addresses: '',
  unix_socket_directories: '.',
  unix_socket_permissions: '0700',
  port: '5432',
  cluster_name: 'gatehouse',
};

const LOG_BYTES = 4 * 1024 * 1024;

/** A postmaster that this process started. */
export type Postmaster = {
  /** Why it is not running; undefined while it is. */
  failure(): string | undefined;
};

/** Starts the database in a session of its own: neither Ctrl-C nor the end of this process ends it. */
export function spawnPostmaster(
  postgres: string,
  folder: string,
  account: Account,
  logFile: string,
  settings: Settings,
): Postmaster {
  const log = openLog(logFile, account);
  const since = fstatSync(log).size;
  const flags = Object.entries({ ...MODEST, ...settings, ...ONLY_BY_SOCKET, [MARK]: markOf(folder) });
  const child: ChildProcess = spawn(
    postgres,
    ['-D', insideName(folder), ...flags.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      cwd: folder,
      detached: true,
      // Nothing of our environment: it holds the master key, and a process's environment can be read by its account.
      env: { LC_ALL: 'C' },
      stdio: ['ignore', log, log],
      ...account,
    },
  );
  closeSync(log);
  child.unref();
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  child.once('exit', (code, signal) => {
    failure ??= `${readFileSync(logFile).subarray(since).toString().trim().slice(-2_000)} (${signal ?? `exit code ${code}`})`;
  });
  return { failure: () => failure };
}

function openLog(file: string, account: Account): number {
  const full = (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES;
  if (full) renameSync(file, `${file}.1`);
  const log = openSync(file, 'a', 0o600);
  share(file, account);
  return log;
}

const MARK = 'gatehouse.folder';

/** Stands on the postmaster's command line, which every user may read: the folder, whatever it is called and by whom. */
function markOf(folder: string): string {
  const { dev, ino } = statSync(folder);
  return `${dev}-${ino}`;
}

/**
 * The process id of the postmaster that serves this folder. The id in postmaster.pid counts only when the process
 * behind it is that postmaster; ids are given anew, soonest in a container.
 *
 * @throws Error when somebody started PostgreSQL on the folder by other means
 */
export async function findPostmaster(folder: string): Promise<number | undefined> {
  const pid = await pidIn(join(folder, 'postmaster.pid'));
  const command = pid === undefined ? [] : await commandOf(pid);
  if (command.includes(`${MARK}=${markOf(folder)}`)) return pid;
  if (/(^|\/)(postgres|postmaster)$/.test(command[0] ?? '') && !(await standsElsewhere(pid!, folder))) {
    throw new Error(`PostgreSQL (process ${pid}) was started on ${folder} by other means. Stop it first.`);
  }
  return undefined;
}

/**
 * Removes lock files whose process id now is somebody else's; PostgreSQL, which sees only that the process is alive,
 * would refuse to start. Call it when there is no postmaster and none can be starting.
 */
export async function removeStaleLocks(folder: string): Promise<void> {
  for (const file of [join(folder, 'postmaster.pid'), join(folder, `${SOCKET}.lock`)]) {
    const pid = await pidIn(file);
    if (pid !== undefined && isAlive(pid)) await rm(file, { force: true });
  }
}

const STOP_MS = 30_000;
const QUIT_MS = 5_000;
const POLL_MS = 10;

/**
 * Stops the database: open transactions are rolled back, everything is written down. When that takes 30 s it is stopped
 * as by a crash, from which the next start recovers.
 *
 * @returns false when it is still running, or is out of sight (in another container that shares the folder)
 */
export async function stopPostmaster(folder: string): Promise<boolean> {
  const pid = await findPostmaster(folder);
  if (pid === undefined) return (await pidIn(join(folder, 'postmaster.pid'))) === undefined;
  for (const [signal, patience] of [
    ['SIGINT', STOP_MS],
    ['SIGQUIT', QUIT_MS],
  ] as const) {
    if (!send(pid, signal)) return true;
    const end = performance.now() + patience;
    while (performance.now() < end) {
      if ((await commandOf(pid)).length === 0) return true;
      await delay(POLL_MS);
    }
  }
  return false;
}

async function pidIn(file: string): Promise<number | undefined> {
  // A single-user PostgreSQL writes its id negated.
  const pid = Math.abs(Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 10));
  return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
}

/** The command line of a process; empty when there is no such process, or only its exit code is left of it. */
async function commandOf(pid: number): Promise<string[]> {
  if (platform() === 'linux') {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return line.split('\0').filter((word) => word !== '');
  }
  const { stdout } = await run('/bin/ps', ['-ww', '-o', 'args=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.split(/\s+/).filter((word) => word !== '');
}

async function standsElsewhere(pid: number, folder: string): Promise<boolean> {
  const [there, here] = await Promise.all([stat(`/proc/${pid}/cwd`).catch(() => undefined), stat(folder)]);
  return there !== undefined && (there.dev !== here.dev || there.ino !== here.ino);
}

function isAlive(pid: number): boolean {
  try {
    return send(pid, 0);
  } catch {
    // Somebody else's.
    return true;
  }
}

/** Whether there was such a process to send the signal to; 0 only looks. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as { code?: string }).code === 'ESRCH') return false;
    throw error;
  }
}
