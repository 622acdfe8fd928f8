import { LIMITS } from '../../kernel/limits.ts';
import { parseArgon2 } from './argon2.ts';
import { isBcrypt } from './foreign/bcrypt.ts';
import { parseSaltedSha, verifySaltedSha } from './foreign/ldap.ts';
import { parsePbkdf2, verifyPbkdf2 } from './foreign/pbkdf2.ts';
import { isPhpass } from './foreign/phpass.ts';
import { parseScrypt, verifyScrypt } from './foreign/scrypt.ts';
import { parseShaCrypt } from './foreign/sha-crypt.ts';
import { createSlowWorker } from './foreign/slow-worker.ts';

const FORMATS = {
  argon2: (hash: string) => parseArgon2(hash) !== undefined,
  bcrypt: isBcrypt,
  scrypt: (hash: string) => parseScrypt(hash) !== undefined,
  pbkdf2: (hash: string) => parsePbkdf2(hash) !== undefined,
  phpass: isPhpass,
  'sha-crypt': (hash: string) => parseShaCrypt(hash) !== undefined,
  'salted-sha': (hash: string) => parseSaltedSha(hash) !== undefined,
};

export type HashFormat = keyof typeof FORMATS;

/**
 * Which format a stored hash has. Undefined for an unknown one, and for parameters that this house would not execute: an
 * import refuses both, and a login takes both for a wrong password.
 */
export function recogniseHash(hash: string): HashFormat | undefined {
  if (hash.length > LIMITS.storedHashChars) return undefined;
  return (Object.keys(FORMATS) as HashFormat[]).find((format) => FORMATS[format](hash));
}

/** Verifies hashes of other systems. Everything but argon2, which the hasher does itself. */
export function createForeignVerifier() {
  const slow = createSlowWorker();

  /** Whether the password opens the hash; what is not recognised opens to nobody. */
  return async function verify(hash: string, password: string): Promise<boolean> {
    const scrypt = parseScrypt(hash);
    if (scrypt) return verifyScrypt(scrypt, password);
    const pbkdf2 = parsePbkdf2(hash);
    if (pbkdf2) return verifyPbkdf2(pbkdf2, password);
    const saltedSha = parseSaltedSha(hash);
    if (saltedSha) return verifySaltedSha(saltedSha, password);
    return slow.verify(hash, password);
  };
}
