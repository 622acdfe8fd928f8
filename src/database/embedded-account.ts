import { lchownSync, readdirSync, readFileSync, type Stats } from 'node:fs';
import { join } from 'node:path';

/** The system account under which PostgreSQL runs; undefined: our own. Goes into `spawn` as it is. */
export type Account = { uid: number; gid: number } | undefined;

/**
 * PostgreSQL refuses to run as root. It then runs under a number of its own, which has no entry in /etc/passwd and is
 * in no range that distributions or systemd give away, so that no other service shares it (as all would with `nobody`).
 */
const OWN_ACCOUNT = { uid: 61_100, gid: 61_100 };

/** Whether this process is root; false where there is no such thing. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * The account for a data folder: who owns it runs it. Root gives a new folder, or one that a copy made root's, to the
 * account of the database.
 *
 * @throws Error when the folder belongs to somebody else and we are not root
 */
export function accountFor(folder: string, found: Stats | undefined): Account {
  if (isRoot()) {
    if (found && found.uid !== 0) return { uid: found.uid, gid: found.gid };
    if (found) giveAway(folder, OWN_ACCOUNT);
    return OWN_ACCOUNT;
  }
  if (found && found.uid !== process.getuid?.()) {
    throw new Error(
      `The database in ${folder} belongs to user ${found.uid}, not to you (${process.getuid?.()}): start as that user or as root, or change its owner.`,
    );
  }
  return undefined;
}

/** `initdb`, unlike `postgres`, wants an account that has a name: for root, any but root will do. */
export function namedAccount(): Account {
  if (!isRoot()) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const [, , uid, gid] =
    accounts.find(([name]) => name === 'nobody') ?? accounts.find((line) => Number(line[2]) > 0) ?? [];
  if (!uid || !gid)
    throw new Error(
      '/etc/passwd names no user but root; the embedded database needs one. Set DATABASE_URL, or add one.',
    );
  return { uid: Number(uid), gid: Number(gid) };
}

/** Changes the owner of a folder and of all in it. */
export function giveAway(folder: string, account: Account): void {
  if (!account) return;
  for (const entry of readdirSync(folder, { recursive: true }) as string[])
    lchownSync(join(folder, entry), account.uid, account.gid);
  lchownSync(folder, account.uid, account.gid);
}
