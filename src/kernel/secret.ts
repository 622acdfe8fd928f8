import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hash,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

/** A bearer value of `bytes` random bytes, in base64url. 32 bytes (256 bits) unless told; never fewer than 16. */
export function randomToken(bytes = 32): string {
  if (bytes < 16) throw new RangeError('a secret has at least 128 bits');
  return randomBytes(bytes).toString('base64url');
}

/** SHA-256 of a value that has at least 128 bits of its own: how bearer values are stored and looked up. */
export function sha256(value: string): Buffer {
  return hash('sha256', value, 'buffer');
}

/** HMAC-SHA-256 (RFC 2104). */
export function hmac(key: Buffer, value: string): Buffer {
  return createHmac('sha256', key).update(value).digest();
}

/** A 32-byte key for one purpose, from a root key (HKDF-SHA-256, RFC 5869). Two purposes never share a key. */
export function deriveKey(root: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', root, Buffer.alloc(0), `gatehouse/${purpose}`, 32));
}

/** Compares without telling by its time where two values differ. Values of unequal length are unequal. */
export function equalSecrets(a: Buffer | string, b: Buffer | string): boolean {
  const [left, right] = [Buffer.from(a as string), Buffer.from(b as string)];
  return left.length === right.length && timingSafeEqual(left, right);
}

const NONCE = 12; // bytes, random: at most 2^32 seals under one key (NIST SP 800-38D §8.3)
const TAG = 16;

/**
 * Encrypts with AES-256-GCM. `place` (tenant, table, column, row) is authenticated with it, so that a sealed value
 * moved to another place does not open.
 *
 * @returns nonce, ciphertext and tag in one buffer
 */
export function seal(key: Buffer, place: string, plain: Buffer): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** The inverse of `seal`. Throws when key, place or content are not those that were sealed. */
export function unseal(key: Buffer, place: string, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE), { authTagLength: TAG })
    .setAAD(Buffer.from(place))
    .setAuthTag(sealed.subarray(-TAG));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE, -TAG)), decipher.final()]);
}
