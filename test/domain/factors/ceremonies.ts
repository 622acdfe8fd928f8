import { siteOf, verifyAssertion, verifyAttestation } from '../../../src/domain/factors/webauthn.ts';
import { readAssertion, readAttestation } from '../../../src/domain/factors/webauthn-response.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import { type Algorithm, anAuthenticator, coseKey, type Twist } from '../../support/authenticator.ts';
import { ORIGIN, RP_ID } from '../../support/w3c-vectors.ts';

export const ALGORITHMS: readonly Algorithm[] = ['EdDSA', 'ES256', 'RS256'];
export const exampleSite = siteOf(ORIGIN);

const challenge = Buffer.alloc(48, 7).toString('base64url');
const creation = { rp: { id: RP_ID, name: '' }, user: { id: 'AAAA', name: '', displayName: '' }, challenge };

/** What a new authenticator answers when it is asked for a credential. */
export const aCreation = (twist: Twist = {}, alg: Algorithm = 'ES256') =>
  anAuthenticator({ origin: ORIGIN, alg }).create(creation as never, twist);

/** `accepted`, `refused`, or the code of a failure. */
export async function judged(work: () => Promise<unknown>): Promise<string> {
  try {
    return (await work()) === undefined ? 'refused' : 'accepted';
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}

/** How the answer of a registration ends. */
export const registering = (json: unknown) =>
  judged(() => verifyAttestation(readAttestation(json), { site: exampleSite }));

/** An authenticator with one credential, and what of it is stored. */
export function aCredential(alg: Algorithm = 'ES256', more: { verifies?: boolean; synced?: boolean } = {}) {
  const authenticator = anAuthenticator({ origin: ORIGIN, alg, ...more });
  authenticator.create(creation as never);
  const [credential] = authenticator.credentials;
  const publicKey = coseKey(credential!.publicKey);
  const stored = { site: exampleSite, publicKey, backupEligible: more.synced === true };
  const judging = (json: unknown) => judged(() => verifyAssertion(readAssertion(json), stored));
  return {
    stored,
    judging,
    get: (twist?: Twist) => authenticator.get({ rpId: RP_ID, challenge }, twist),
    using: (twist?: Twist) => judging(authenticator.get({ rpId: RP_ID, challenge }, twist)),
  };
}
