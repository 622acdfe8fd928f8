import { availableParallelism } from 'node:os';
import { LIMITS } from '../../kernel/limits.ts';
import { sha256 } from '../../kernel/secret.ts';
import {
  ARGON2_CEILING,
  type Argon2Cost,
  type Argon2Hash,
  costText,
  loadArgon2,
  parseArgon2,
  unopenable,
} from './argon2.ts';
import { createForeignVerifier, recogniseHash } from './foreign-hash.ts';
import { createHashQueue } from './hash-queue.ts';
import { assertPassword, inForm, NORMAL_FORM, type NormalForm } from './password-text.ts';

/** A hash as it is stored, with what must be known to compute it again. */
export type StoredHash = {
  /** A PHC string of argon2id; or another system's, until the next login. */
  hash: string;
  /** Names the pepper that went into it; null: none. */
  pepperId: string | null;
  normalForm: NormalForm;
};

/** One piece of hashing that is about to run. `cost` is that of argon2, such as `m=19456,t=2,p=1`, or the foreign format. */
export type HashRun = { kind: 'hash' | 'verify' | 'foreign'; cost: string };

export type HasherSettings = {
  memoryKib: number;
  passes: number;
  /** A secret of at least 32 bytes that is mixed into each new hash and is not in the database; undefined: none. */
  pepper?: Buffer | undefined;
  /** Earlier peppers, which still verify. */
  previousPeppers?: readonly Buffer[];
  /** Pieces of work at a time; the number of cores unless told. */
  atOnce?: number;
  /** Hears of each run, for metrics and tests. */
  onRun?: (run: HashRun) => void;
};

/** A pepper's name: tells peppers apart without telling anything of them. */
const idOf = (pepper: Buffer) =>
  sha256(`pepper-id:${pepper.toString('base64url')}`)
    .toString('hex')
    .slice(0, 16);

/**
 * Hashes and verifies passwords: argon2id (RFC 9106) in PHC strings, a pepper as its secret value, NFC as the normal
 * form. All work passes one bounded queue; hashes of other systems pass a narrower one, since they can take seconds.
 */
export function createHasher(settings: HasherSettings) {
  const cost: Argon2Cost = { memoryKib: settings.memoryKib, passes: settings.passes, lanes: 1 };
  const ceiling = { ...ARGON2_CEILING, memoryKib: Math.max(ARGON2_CEILING.memoryKib, cost.memoryKib) };
  const presentId = settings.pepper ? idOf(settings.pepper) : null;
  const known = [...(settings.pepper ? [settings.pepper] : []), ...(settings.previousPeppers ?? [])];
  const peppers = new Map(known.map((pepper) => [idOf(pepper), pepper]));
  const queue = createHashQueue({ atOnce: settings.atOnce ?? availableParallelism(), waiting: LIMITS.hashQueue });
  const foreignQueue = createHashQueue({ atOnce: 1, waiting: LIMITS.foreignHashQueue });
  const foreign = createForeignVerifier();
  const nobody = parseArgon2(unopenable(cost), ceiling)!;
  const ran = settings.onRun ?? (() => {});
  let library: ReturnType<typeof loadArgon2> | undefined;
  const argon2 = () => {
    library ??= loadArgon2();
    return library;
  };
  const secretOf = (pepperId: string | null) => (pepperId === null ? undefined : peppers.get(pepperId));

  async function runVerify(parsed: Argon2Hash, text: string, pepperId: string | null): Promise<boolean> {
    return queue.run(async () => {
      ran({ kind: 'verify', cost: costText(parsed) });
      // A string that parses and yet does not decode is damaged: it opens to nobody.
      return (await argon2()).verify(parsed.phc, text, secretOf(pepperId)).catch(() => false);
    });
  }

  /** The work of one verification, and no. */
  async function verifyNobody(password: string): Promise<false> {
    await runVerify(nobody, inForm(password, NORMAL_FORM), presentId);
    return false;
  }

  return {
    /** @throws Failure `busy`; `invalid_input` for what `assertPassword` refuses */
    async hash(password: string): Promise<StoredHash> {
      assertPassword(password);
      return queue.run(async () => {
        ran({ kind: 'hash', cost: costText(cost) });
        const hash = await (await argon2()).hash(inForm(password, NORMAL_FORM), cost, secretOf(presentId));
        return { hash, pepperId: presentId, normalForm: NORMAL_FORM };
      });
    },

    /**
     * Whether the password opens the hash. Undefined, garbage, unknown peppers and parameters outside of the policy are
     * a no, after the same work: each no costs exactly one argon2 verification. Only where a hash of another system or
     * of other parameters is stored, its own time shows.
     *
     * @throws Failure `busy`; `invalid_input` for what `assertPassword` refuses
     */
    async verify(stored: StoredHash | undefined, password: string): Promise<boolean> {
      assertPassword(password);
      if (!stored || (stored.pepperId !== null && !peppers.has(stored.pepperId))) return verifyNobody(password);
      const text = inForm(password, stored.normalForm);
      const parsed = parseArgon2(stored.hash, ceiling);
      if (parsed) return runVerify(parsed, text, stored.pepperId);
      const format = recogniseHash(stored.hash);
      if (!format) return verifyNobody(password);
      const opened = await foreignQueue.run(() => {
        ran({ kind: 'foreign', cost: format });
        return foreign(stored.hash, text);
      });
      return opened || verifyNobody(password);
    },

    /** Whether a hash that was just opened should be computed anew: by type, cost, pepper or normal form. */
    needsRehash({ hash, pepperId, normalForm }: StoredHash): boolean {
      const parsed = parseArgon2(hash, ceiling);
      if (parsed?.type !== 'argon2id' || pepperId !== presentId || normalForm !== NORMAL_FORM) return true;
      return parsed.memoryKib !== cost.memoryKib || parsed.passes !== cost.passes || parsed.lanes !== cost.lanes;
    },

    /** What runs and waits now, for metrics. */
    load: () => ({ argon2: queue.load(), foreign: foreignQueue.load() }),
  };
}

export type Hasher = ReturnType<typeof createHasher>;
