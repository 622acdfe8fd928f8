import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';

const SQLITE_BUSY = 5;
const POLL_MS = 15;

/**
 * Runs `work` while no other process is in it with the same file; waits for `waitMs` at most. The lock is the
 * operating system's lock on the file, which SQLite takes for us: it ends with the process that held it, however that
 * ended, and holds between containers that share the folder. Nothing is written to the file.
 */
export async function withFileLock<T>(file: string, work: () => Promise<T>, waitMs = 300_000): Promise<T> {
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    const end = performance.now() + waitMs;
    while (!tryLock(lock)) {
      if (performance.now() > end) throw new Error(`Another process holds ${file}.`);
      await delay(POLL_MS);
    }
    return await work();
  } finally {
    lock.close();
  }
}

function tryLock(lock: DatabaseSync): boolean {
  try {
    lock.exec('begin exclusive');
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false;
    throw error;
  }
}
