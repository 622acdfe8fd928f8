import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

export const SIGNING_ALGS = ['RS256', 'ES256'] as const;
export type SigningAlg = (typeof SIGNING_ALGS)[number];

/**
 * `next` is published and does not sign yet, `active` signs, `retired` is published so that what it signed still
 * verifies, and can sign no more: its private half is destroyed.
 */
export type SigningKeyStatus = 'next' | 'active' | 'retired';

/** A JSON Web Key (RFC 7517). */
export type Jwk = { readonly [member: string]: unknown };

export type SigningKey = {
  kid: string;
  alg: SigningAlg;
  status: SigningKeyStatus;
  publicJwk: Jwk;
  /** The private JWK; undefined once the key is retired. */
  privateJwk?: Jwk | undefined;
  createdAt: Date;
  activatedAt?: Date | undefined;
  retiredAt?: Date | undefined;
};

/** Seconds a next key is published before it signs: longer than anyone may cache the JWK Set (3,600 s), skew included. */
export const PUBLISH_BEFORE_USE = 3_900;
/** Seconds a retired key stays published: longer than any token lives (a day), and a month of id_token_hints at logout. */
export const PUBLISH_AFTER_USE = 30 * 86_400;
/** Seconds after which a key is replaced by itself. */
export const ROTATE_AFTER = 90 * 86_400;

const generate = promisify(generateKeyPair);

/** A new key pair: RSA of 2,048 bits, or P-256. Runs off the event loop (tens of milliseconds for RSA). */
export async function generateSigningKey(alg: SigningAlg): Promise<{ kid: string; publicJwk: Jwk; privateJwk: Jwk }> {
  const { publicKey, privateKey } =
    alg === 'RS256' ? await generate('rsa', { modulusLength: 2048 }) : await generate('ec', { namedCurve: 'P-256' });
  const kid = randomBytes(12).toString('base64url');
  const about = { kid, alg, use: 'sig' };
  return {
    kid,
    publicJwk: { ...publicKey.export({ format: 'jwk' }), ...about },
    privateJwk: { ...privateKey.export({ format: 'jwk' }), ...about },
  };
}
