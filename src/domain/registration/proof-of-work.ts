import { type Challenge, createChallenge, randomInt, type Solution, verifySolution } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import { LIMITS } from '../../kernel/limits.ts';

export type { Challenge } from 'altcha-lib';

/**
 * How hard a challenge is: as many derivations of PBKDF2 with as many rounds. A second or so in a browser; a robot pays
 * it for each account.
 */
const WORK = { algorithm: 'PBKDF2/SHA-256', cost: 1_000, least: 500, most: 1_500 } as const;

const secretsOf = (key: Buffer) => ({
  hmacSignatureSecret: `challenge:${key.toString('base64url')}`,
  hmacKeySignatureSecret: `solution:${key.toString('base64url')}`,
});

/** A challenge in the manner of ALTCHA (version 2), signed under a key of the tenant. Nothing is stored. */
export async function newChallenge(key: Buffer, tenantId: string, now: Date): Promise<Challenge> {
  return createChallenge({
    algorithm: WORK.algorithm,
    cost: WORK.cost,
    counter: randomInt(WORK.most, WORK.least),
    deriveKey,
    expiresAt: new Date(now.getTime() + LIMITS.captchaSeconds * 1000),
    data: { tenant: tenantId },
    ...secretsOf(key),
  });
}

/** A challenge that was solved: what it is known by, and until when it could be shown again. */
export type SolvedChallenge = { id: Buffer; expiresAt: Date };

/**
 * Judges an answer: base64 of `{ challenge, solution }`, as ALTCHA's widget sends it. The challenge is believed only for
 * its signature, which is looked at before anything else of it is used.
 *
 * @returns undefined for whatever is not a right answer to a challenge of this tenant that is still good
 */
export async function readSolution(
  key: Buffer,
  tenantId: string,
  answer: string,
  now: Date,
): Promise<SolvedChallenge | undefined> {
  const payload = payloadOf(answer);
  if (!payload) return undefined;
  const { parameters } = payload.challenge;
  try {
    const { verified } = await verifySolution({ ...payload, deriveKey, ...secretsOf(key) });
    if (!verified || parameters.data?.['tenant'] !== tenantId) return undefined;
  } catch {
    // A key or a nonce that is no hexadecimal.
    return undefined;
  }
  const expiresAt = new Date(Number(parameters.expiresAt) * 1000);
  return expiresAt > now ? { id: Buffer.from(parameters.nonce, 'hex'), expiresAt } : undefined;
}

function payloadOf(answer: string): { challenge: Challenge; solution: Solution } | undefined {
  if (answer.length > LIMITS.captchaChars) return undefined;
  try {
    const { challenge, solution } = JSON.parse(Buffer.from(answer, 'base64').toString());
    const isWhole =
      typeof challenge?.parameters === 'object' &&
      challenge.parameters !== null &&
      typeof challenge.parameters.nonce === 'string' &&
      typeof challenge.signature === 'string' &&
      typeof solution?.derivedKey === 'string' &&
      Number.isInteger(solution.counter);
    return isWhole ? { challenge, solution } : undefined;
  } catch {
    return undefined;
  }
}
