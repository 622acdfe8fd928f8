import { createPublicKey, type webcrypto } from 'node:crypto';
import {
  type AuthenticatorTransport,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { cose, decodeCredentialPublicKey } from '@simplewebauthn/server/helpers';
import { LIMITS } from '../../kernel/limits.ts';
import { type Assertion, type Attestation, type ClientData, isNoneAttestation } from './webauthn-response.ts';

export type { PublicKeyCredentialCreationOptionsJSON, PublicKeyCredentialRequestOptionsJSON };

/** Where a ceremony takes place: the one origin that counts, and the RP ID, which is its host. */
export type Site = { readonly origin: string; readonly rpId: string };

/** The site of an issuer, or of the host that a program has called. */
export function siteOf(url: string): Site {
  const { origin, hostname } = new URL(url);
  return { origin, rpId: hostname };
}

/** A credential that a browser may use, or must not make again. */
export type KnownCredential = { credentialId: Buffer; transports: readonly string[] };

/** EdDSA (Ed25519), ES256, RS256, the most wanted first (RFC 8152, RFC 8812): whatever else the runtime could do. */
const ALGORITHMS = [-8, -7, -257];

const milliseconds = LIMITS.ceremonySeconds * 1000;
const listed = ({ credentialId, transports }: KnownCredential) => ({
  id: credentialId.toString('base64url'),
  transports: [...transports] as AuthenticatorTransport[],
});
const unshared = (bytes: Buffer) => new Uint8Array(bytes);

/** What `navigator.credentials.create` is asked for. A passkey where the authenticator can keep one. */
export function creationOptions(
  { rpId }: Site,
  about: {
    challenge: Buffer;
    rpName: string;
    user: { handle: Buffer; name: string; displayName: string };
    exclude: readonly KnownCredential[];
  },
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  return generateRegistrationOptions({
    rpID: rpId,
    rpName: about.rpName,
    userID: unshared(about.user.handle),
    userName: about.user.name,
    userDisplayName: about.user.displayName,
    challenge: unshared(about.challenge),
    timeout: milliseconds,
    attestationType: 'none',
    excludeCredentials: about.exclude.map(listed),
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

/** What `navigator.credentials.get` is asked for. Without `allow`, for any passkey of the site. */
export function requestOptions(
  { rpId }: Site,
  about: { challenge: Buffer; allow?: readonly KnownCredential[]; mustVerifyUser: boolean },
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  return generateAuthenticationOptions({
    rpID: rpId,
    challenge: unshared(about.challenge),
    timeout: milliseconds,
    userVerification: about.mustVerifyUser ? 'required' : 'preferred',
    ...(about.allow && { allowCredentials: about.allow.map(listed) }),
  });
}

/** What an authenticator has said of a new credential. */
export type NewCredential = {
  publicKey: Buffer;
  signCount: number;
  backupEligible: boolean;
  backedUp: boolean;
  userVerified: boolean;
  aaguid: string;
};

/** What it said when it was used. */
export type Use = { signCount: number; backedUp: boolean; userVerified: boolean };

/** Whether the browser says that its user was at this site, on a page of ours, and nowhere within another. */
function isOurs({ type, origin, crossOrigin, topOrigin }: ClientData, wanted: string, site: Site): boolean {
  const isFramed = (crossOrigin !== undefined && crossOrigin !== false) || topOrigin !== undefined;
  return type === wanted && origin === site.origin && !isFramed;
}

/**
 * Judges a new credential (WebAuthn Level 3 §7.1): without attestation, of an algorithm that was offered, with a public
 * key that works, from a person who was present.
 *
 * @param attestation its challenge is the caller's to judge
 * @returns undefined for what must not be kept
 */
export async function verifyAttestation(
  attestation: Attestation,
  { site }: { site: Site },
): Promise<NewCredential | undefined> {
  const { clientData, clientDataJson, credentialId, attestationObject, transports } = attestation;
  if (!isOurs(clientData, 'webauthn.create', site) || !isNoneAttestation(attestationObject)) return undefined;
  const id = credentialId.toString('base64url');
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: {
        id,
        rawId: id,
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON: clientDataJson.toString('base64url'),
          attestationObject: attestationObject.toString('base64url'),
          transports: transports as AuthenticatorTransport[],
        },
      },
      expectedChallenge: clientData.challenge,
      expectedOrigin: site.origin,
      expectedRPID: site.rpId,
      requireUserVerification: false,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    const { credential, credentialDeviceType, credentialBackedUp, userVerified, aaguid } = registrationInfo ?? {};
    // The library does not compare the id that was sent with the one that the authenticator made.
    if (!verified || credential?.id !== id || aaguid === undefined) return undefined;
    const publicKey = Buffer.from(credential.publicKey);
    if (!isUsable(publicKey)) return undefined;
    return {
      publicKey,
      signCount: credential.counter,
      backupEligible: credentialDeviceType === 'multiDevice',
      backedUp: credentialBackedUp === true,
      userVerified: userVerified === true,
      aaguid,
    };
  } catch {
    return undefined; // The library throws for whatever it refuses.
  }
}

/**
 * Judges the use of a credential (WebAuthn Level 3 §7.2): its signature, over our site's name and the browser's words,
 * by a person who was present; and that it is backed up only where it could be, which never changes. The counter is
 * given back as it came: it means something only behind a signature that is right, and then it is the caller's to judge.
 *
 * @param assertion its challenge is the caller's to judge
 * @returns undefined for what proves nothing
 */
export async function verifyAssertion(
  assertion: Assertion,
  { site, publicKey, backupEligible }: { site: Site; publicKey: Buffer; backupEligible: boolean },
): Promise<Use | undefined> {
  const { clientData, clientDataJson, credentialId, authenticatorData, signature } = assertion;
  if (!isOurs(clientData, 'webauthn.get', site)) return undefined;
  const id = credentialId.toString('base64url');
  try {
    if (!isSpelledOnce(publicKey, signature)) return undefined;
    const { verified, authenticationInfo: info } = await verifyAuthenticationResponse({
      response: {
        id,
        rawId: id,
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON: clientDataJson.toString('base64url'),
          authenticatorData: authenticatorData.toString('base64url'),
          signature: signature.toString('base64url'),
        },
      },
      expectedChallenge: clientData.challenge,
      expectedOrigin: site.origin,
      expectedRPID: site.rpId,
      requireUserVerification: false,
      // Nought: the library would judge the counter before the signature.
      credential: { id, publicKey: unshared(publicKey), counter: 0 },
    });
    if (!verified || (info.credentialDeviceType === 'multiDevice') !== backupEligible) return undefined;
    return { signCount: info.newCounter, backedUp: info.credentialBackedUp, userVerified: info.userVerified };
  } catch {
    return undefined;
  }
}

/**
 * Whether a signature by an elliptic curve is written in the one way that DER has (X.690 §8.3, §10.1): two positive
 * numbers as short as they can be, and nothing behind them. The library reads others too.
 */
function isSpelledOnce(publicKey: Buffer, signature: Buffer): boolean {
  const key = decodeCredentialPublicKey(unshared(publicKey));
  if (key.get(cose.COSEKEYS.kty) !== cose.COSEKTY.EC2) return true;
  if (signature[0] !== 0x30 || signature[1] !== signature.length - 2) return false;
  let at = 2;
  for (const _ of ['r', 's']) {
    const [tag, length = 0, first = 0, second = 0] = signature.subarray(at);
    const isShort = first < 0x80 && (first !== 0 || second >= 0x80);
    if (tag !== 0x02 || length === 0 || length > 33 || !isShort) return false;
    at += 2 + length;
  }
  return at === signature.length;
}

const RSA_BYTES = { least: 256, most: 512 };

/** Whether a COSE key is a whole one of its kind, not merely named so: one that is not would never open anything. */
function isUsable(publicKey: Uint8Array): boolean {
  const { COSEKEYS, COSEKTY, COSECRV } = cose;
  const key = decodeCredentialPublicKey(new Uint8Array(publicKey)) as unknown as Map<number, unknown>;
  const bytes = (name: number) => {
    const value = key.get(name);
    return Buffer.from(value instanceof Uint8Array ? value : []);
  };
  const part = (name: number) => bytes(name).toString('base64url');
  const { kty, crv, x, y, n, e } = COSEKEYS;
  const kinds: Record<string, webcrypto.JsonWebKey> = {
    [`-8 ${COSEKTY.OKP} ${COSECRV.ED25519}`]: { kty: 'OKP', crv: 'Ed25519', x: part(x) },
    [`-7 ${COSEKTY.EC2} ${COSECRV.P256}`]: { kty: 'EC', crv: 'P-256', x: part(x), y: part(y) },
    [`-257 ${COSEKTY.RSA}`]: { kty: 'RSA', n: part(n), e: part(e) },
  };
  const alg = key.get(COSEKEYS.alg);
  // For RSA the names of a curve and of the modulus are one number (RFC 8230 §4).
  const jwk = kinds[[alg, key.get(kty), ...(alg === -257 ? [] : [key.get(crv)])].join(' ')];
  const size = bytes(n).length;
  if (!jwk || (jwk.kty === 'RSA' && (size < RSA_BYTES.least || size > RSA_BYTES.most || bytes(e).length > 4)))
    return false;
  // Throws where x and y are no point of the curve, …
  return createPublicKey({ key: jwk, format: 'jwk' }).type === 'public';
}
