import { hash as digestOf, timingSafeEqual } from 'node:crypto';

type SaltedSha = { algorithm: string; digest: Buffer; salt: Buffer };

const SCHEMES: Readonly<Record<string, { algorithm: string; bytes: number }>> = {
  SSHA: { algorithm: 'sha1', bytes: 20 },
  SSHA256: { algorithm: 'sha256', bytes: 32 },
  SSHA512: { algorithm: 'sha512', bytes: 64 },
};
const LDAP = /^\{(SSHA|SSHA256|SSHA512)\}([A-Za-z0-9+/]{28,256}={0,2})$/i;

/** `{SSHA}`, `{SSHA256}` or `{SSHA512}` of LDAP directories: base 64 of the digest and, behind it, 4 to 64 bytes of salt. */
export function parseSaltedSha(hash: string): SaltedSha | undefined {
  const match = LDAP.exec(hash);
  if (!match) return undefined;
  const { algorithm, bytes } = SCHEMES[match[1]!.toUpperCase()]!;
  const content = Buffer.from(match[2]!, 'base64');
  const salt = content.subarray(bytes);
  return salt.length >= 4 && salt.length <= 64 ? { algorithm, digest: content.subarray(0, bytes), salt } : undefined;
}

export function verifySaltedSha({ algorithm, digest, salt }: SaltedSha, password: string): boolean {
  return timingSafeEqual(digestOf(algorithm, Buffer.concat([Buffer.from(password), salt]), 'buffer'), digest);
}
