import { scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);

type Scrypt = { N: number; r: number; p: number; salt: Buffer; derived: Buffer };

const SCRYPT =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{1,128})={0,2}\$([A-Za-z0-9+/]{22,128})={0,2}$/;
const MEMORY = 256 * 1024 * 1024;

/**
 * `$scrypt$ln=16,r=8,p=1$salt$hash` as passlib writes it (RFC 7914; ln is the logarithm of N; base 64). Undefined for
 * another format, and for more than 256 MiB or four times the work of N = 2^17, r = 8.
 */
export function parseScrypt(hash: string): Scrypt | undefined {
  const match = SCRYPT.exec(hash);
  if (!match) return undefined;
  const [ln, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (ln < 1 || ln > 20 || r < 1 || p < 1) return undefined;
  const N = 2 ** ln;
  if (128 * N * r > MEMORY || N * r * p > 2 ** 22) return undefined;
  const derived = Buffer.from(match[5]!, 'base64');
  return derived.length < 16 ? undefined : { N, r, p, salt: Buffer.from(match[4]!, 'base64'), derived };
}

export async function verifyScrypt({ N, r, p, salt, derived }: Scrypt, password: string): Promise<boolean> {
  const found = await derive(password, salt, derived.length, {
    N,
    r,
    p,
    maxmem: 128 * N * r + 128 * r * p + 1024 * 1024,
  });
  return timingSafeEqual(found, derived);
}
