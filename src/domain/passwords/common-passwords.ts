import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** The one form in which a password is compared with lists and words. */
export function foldPassword(password: string): string {
  return password.normalize('NFKC').toLowerCase();
}

/**
 * Some 49,000 of the most used passwords (docs/decisions/0003-common-passwords.md), read when the first password is set:
 * a node that only signs people in does without them. They stay as one text of 400 KB; as a set of strings they
 * would take ten times that.
 */
export function createCommonPasswords() {
  let loaded: Promise<Buffer[]> | undefined;

  return {
    /** @param folded a password as `foldPassword` gives it */
    async has(folded: string): Promise<boolean> {
      loaded ??= load();
      return contains(await loaded, Buffer.from(folded));
    },

    /** How many there are. */
    async size(): Promise<number> {
      loaded ??= load();
      const breaks = (await loaded).map((bucket) => bucket.filter((byte) => byte === LINE[0]).length);
      return breaks.reduce((sum, count) => sum + count - 1, 0);
    },
  };
}

export type CommonPasswords = ReturnType<typeof createCommonPasswords>;

const BUCKETS = 1_024;
const LINE = Buffer.from('\n');

/** The passwords in buckets by a small hash, each bucket a slice of one buffer with a line feed around every entry. */
async function load(): Promise<Buffer[]> {
  const file = createRequire(import.meta.url).resolve('@zxcvbn-ts/language-common/src/passwords.json');
  const list = JSON.parse(await readFile(file, 'utf8')) as string[];
  const buckets = Array.from({ length: BUCKETS }, (): string[] => []);
  for (const password of new Set(list.map(foldPassword))) buckets[bucketOf(Buffer.from(password))]!.push(password);
  const texts = buckets.map((bucket) => Buffer.from(`\n${bucket.join('\n')}\n`));
  const whole = Buffer.concat(texts);
  let start = 0;
  return texts.map((text) => {
    start += text.length;
    return whole.subarray(start - text.length, start);
  });
}

function contains(buckets: readonly Buffer[], folded: Buffer): boolean {
  if (folded.length === 0 || folded.includes(0x0a)) return false;
  return buckets[bucketOf(folded)]!.includes(Buffer.concat([LINE, folded, LINE]));
}

/** FNV-1a. */
function bucketOf(bytes: Buffer): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % BUCKETS;
}
