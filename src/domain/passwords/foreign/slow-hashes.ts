import { isBcrypt, verifyBcrypt } from './bcrypt.ts';
import { isPhpass, verifyPhpass } from './phpass.ts';
import { parseShaCrypt, verifyShaCrypt } from './sha-crypt.ts';

/** Verifies the hashes that Node computes in JavaScript. It takes the thread for up to seconds: only the worker calls it. */
export function verifySlowHash(hash: string, password: string): boolean {
  if (isBcrypt(hash)) return verifyBcrypt(hash, password);
  if (isPhpass(hash)) return verifyPhpass(hash, password);
  const shaCrypt = parseShaCrypt(hash);
  return shaCrypt !== undefined && verifyShaCrypt(shaCrypt, password);
}
