import { createHash, hash as digestOf, timingSafeEqual } from 'node:crypto';
import { cryptBase64 } from './crypt-base64.ts';

type ShaCrypt = { algorithm: 'sha256' | 'sha512'; rounds: number; salt: Buffer; encoded: string };

const SHA_CRYPT = /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$:\n]{0,64})\$([./A-Za-z0-9]{43}|[./A-Za-z0-9]{86})$/;
const ROUNDS = 1_000_000;

/**
 * `$5$` (SHA-256) and `$6$` (SHA-512) of crypt(3), by Ulrich Drepper's specification. Undefined for another format and
 * above a million rounds, which is some two seconds.
 */
export function parseShaCrypt(hash: string): ShaCrypt | undefined {
  const match = SHA_CRYPT.exec(hash);
  if (!match) return undefined;
  const [, id, rounds, salt, encoded] = match as unknown as [string, string, string | undefined, string, string];
  if (Number(rounds ?? 5_000) > ROUNDS || encoded.length !== (id === '5' ? 43 : 86)) return undefined;
  return {
    algorithm: id === '5' ? 'sha256' : 'sha512',
    rounds: Math.max(1_000, Number(rounds ?? 5_000)),
    salt: Buffer.from(salt).subarray(0, 16),
    encoded,
  };
}

/** Takes the thread for as long as it runs. The letters are those of the specification, steps 1 to 21. */
export function verifyShaCrypt({ algorithm, rounds, salt, encoded }: ShaCrypt, password: string): boolean {
  const key = Buffer.from(password);
  const sha = (...parts: Buffer[]) => digestOf(algorithm, Buffer.concat(parts), 'buffer');

  const b = sha(key, salt, key);
  const a = createHash(algorithm).update(key).update(salt).update(stretch(b, key.length));
  for (let bits = key.length; bits > 0; bits >>>= 1) a.update(bits & 1 ? b : key);
  let c = a.digest();

  const p = stretch(repeatedly(algorithm, key, key.length), key.length);
  const s = stretch(repeatedly(algorithm, salt, 16 + c[0]!), salt.length);
  for (let round = 0; round < rounds; round++) {
    const odd = round % 2 === 1;
    c = sha(odd ? p : c, round % 3 === 0 ? EMPTY : s, round % 7 === 0 ? EMPTY : p, odd ? c : p);
  }
  return timingSafeEqual(Buffer.from(encode(c)), Buffer.from(encoded));
}

const EMPTY = Buffer.alloc(0);

/** The digest repeated until it is `length` bytes long. */
function stretch(digest: Buffer, length: number): Buffer {
  return Buffer.alloc(length, digest);
}

function repeatedly(algorithm: string, part: Buffer, times: number): Buffer {
  const hash = createHash(algorithm);
  for (let time = 0; time < times; time++) hash.update(part);
  return hash.digest();
}

/** Three bytes at a time, taken from the digest's three thirds in turn; the last one or two alone. */
function encode(digest: Buffer): string {
  const third = Math.floor(digest.length / 3);
  // Which third comes first moves on with each group: backwards in SHA-256, forwards in SHA-512.
  const step = digest.length === 32 ? 2 : 1;
  let text = '';
  for (let index = 0; index < third; index++) {
    const [high, middle, low] = [0, 1, 2].map((place) => digest[((index * step + place) % 3) * third + index]!) as [
      number,
      number,
      number,
    ];
    text += cryptBase64((high << 16) | (middle << 8) | low, 4);
  }
  return digest.length === 32
    ? text + cryptBase64((digest[31]! << 8) | digest[30]!, 3)
    : text + cryptBase64(digest[63]!, 2);
}
