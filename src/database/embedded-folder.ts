import { execFile } from 'node:child_process';
import { chownSync } from 'node:fs';
import { mkdtemp, open, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Account, accountFor, giveAway, namedAccount } from './embedded-account.ts';
import { type Binaries, findBinaries } from './embedded-binaries.ts';

const run = promisify(execFile);

/**
 * How PostgreSQL's processes name the data folder. On Linux, the one they stand in: we step in before we give up root,
 * so that folders above it, such as /root, need not be open to the database's account.
 */
export function insideName(folder: string): string {
  return platform() === 'linux' ? '/proc/self/cwd' : folder;
}

/**
 * Makes sure that the folder holds a database of this major version, and says who runs it. A new one is made beside it
 * and renamed when it is complete; what a killed start left is removed. Not for two processes at once.
 *
 * @throws Error when the folder is of another version, of another user, or not a database
 */
export async function prepareFolder(
  folder: string,
  { sync }: { sync: boolean },
): Promise<{ account: Account; binaries: Binaries }> {
  await removeUnfinished(folder);
  const found = await stat(folder).catch(() => undefined);
  const account = accountFor(folder, found);
  const binaries = await findBinaries(account);
  const files = found ? await readdir(folder) : [];
  if (files.length === 0) {
    await initialise(folder, account, binaries, sync);
    return { account, binaries };
  }
  const version = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined)
    throw new Error(`${folder} is not empty, and is not a database. Remove it, or choose another DATA_DIR.`);
  if (version.trim() !== binaries.major) {
    throw new Error(
      `The database in ${folder} is of PostgreSQL ${version.trim()}, the embedded one is ${binaries.major}. Move the data over by pg_dump and pg_restore, or set DATABASE_URL.`,
    );
  }
  return { account, binaries };
}

async function initialise(folder: string, account: Account, binaries: Binaries, sync: boolean): Promise<void> {
  const fresh = await mkdtemp(`${folder}.new-`);
  const maker = namedAccount();
  giveAway(fresh, maker);
  // Only this folder's socket leads in, and only its owner and root reach that: see docs/decisions/0002.
  const access = ['--username=postgres', '--auth-local=trust', '--auth-host=reject'];
  // The same order and case rules on every machine, whatever its locales are.
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  try {
    await run(binaries.initdb, ['-D', insideName(fresh), ...access, ...locale, ...(sync ? [] : ['--no-sync'])], {
      cwd: fresh,
      env: { LC_ALL: 'C' },
      ...maker,
    });
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true });
    throw new Error(
      `PostgreSQL could not make its data folder: ${(cause as { stderr?: string }).stderr?.trim() || cause}`,
      { cause },
    );
  }
  giveAway(fresh, account);
  await rename(fresh, folder);
  if (sync) await syncFolder(dirname(folder));
}

/** After a loss of power the renamed folder still has its name. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeUnfinished(folder: string): Promise<void> {
  const home = dirname(folder);
  const left = (await readdir(home)).filter((name) => name.startsWith(`${basename(folder)}.new-`));
  // The orphaned initdb of a killed node may still be writing; then the next start removes it.
  for (const name of left) await rm(join(home, name), { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
}

/** The path of a socket holds 103 bytes on macOS, 107 on Linux. */
const SOCKET_PATH_BYTES = 103;

export const SOCKET = '.s.PGSQL.5432';

/**
 * A path to the folder that is short enough for the socket in it: its own, or a link in the temporary folder, which
 * nobody else can have put there.
 */
export async function shortPath(folder: string): Promise<{ path: string; remove(): Promise<void> }> {
  if (Buffer.byteLength(join(folder, SOCKET)) <= SOCKET_PATH_BYTES) return { path: folder, remove: async () => {} };
  const home = await mkdtemp(join(tmpdir(), 'gatehouse-'));
  const path = join(home, 'db');
  await symlink(folder, path);
  return { path, remove: () => rm(home, { recursive: true, force: true }) };
}

/** Lets the database's account keep using a file that root made. */
export function share(file: string, account: Account): void {
  if (account) chownSync(file, account.uid, account.gid);
}
