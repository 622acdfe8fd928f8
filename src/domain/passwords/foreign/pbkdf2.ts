import { pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);

type Pbkdf2 = { digest: string; iterations: number; salt: Buffer; derived: Buffer };

const DJANGO = /^pbkdf2_(sha1|sha256)\$([1-9]\d{0,6})\$([^$\s]{1,128})\$([A-Za-z0-9+/]{26,128}={0,2})$/;
// Keycloak keeps the parts in two JSON columns; this is how they are written in one string.
const PHC =
  /^\$pbkdf2-(sha1|sha256|sha512)\$i=([1-9]\d{0,6}),l=([1-9]\d{1,2})\$([A-Za-z0-9+/]{1,128})={0,2}\$([A-Za-z0-9+/]{22,172})={0,2}$/;
// passlib: iterations only, and a dot where base 64 has a plus
const PASSLIB = /^\$pbkdf2(?:-(sha256|sha512))?\$([1-9]\d{0,6})\$([A-Za-z0-9./]{0,128})\$([A-Za-z0-9./]{22,128})$/;

const ITERATIONS = 2_000_000;

/**
 * PBKDF2 (RFC 8018 §5.2) in three ways of writing: `pbkdf2_sha256$iterations$salt$hash` (Django),
 * `$pbkdf2-sha512$i=210000,l=64$salt$hash` (for Keycloak: l is the length in bytes, salt and hash are the base 64 of its
 * export) and `$pbkdf2-sha256$29000$salt$hash` (passlib). Undefined for another format and above two million iterations.
 */
export function parsePbkdf2(hash: string): Pbkdf2 | undefined {
  const found = django(hash) ?? phc(hash) ?? passlib(hash);
  return found && found.iterations <= ITERATIONS && found.derived.length >= 16 ? found : undefined;
}

function django(hash: string): Pbkdf2 | undefined {
  const match = DJANGO.exec(hash);
  if (!match) return undefined;
  const [, digest, iterations, salt, derived] = match as unknown as [string, string, string, string, string];
  // Django hashes the salt's characters, not what they might encode.
  return { digest, iterations: Number(iterations), salt: Buffer.from(salt), derived: Buffer.from(derived, 'base64') };
}

function phc(hash: string): Pbkdf2 | undefined {
  const match = PHC.exec(hash);
  if (!match) return undefined;
  const derived = Buffer.from(match[5]!, 'base64');
  if (derived.length !== Number(match[3])) return undefined;
  return { digest: match[1]!, iterations: Number(match[2]), salt: Buffer.from(match[4]!, 'base64'), derived };
}

function passlib(hash: string): Pbkdf2 | undefined {
  const match = PASSLIB.exec(hash);
  if (!match) return undefined;
  const bytes = (text: string) => Buffer.from(text.replaceAll('.', '+'), 'base64');
  return {
    digest: match[1] ?? 'sha1',
    iterations: Number(match[2]),
    salt: bytes(match[3]!),
    derived: bytes(match[4]!),
  };
}

export async function verifyPbkdf2({ digest, iterations, salt, derived }: Pbkdf2, password: string): Promise<boolean> {
  return timingSafeEqual(await derive(password, salt, iterations, derived.length, digest), derived);
}
