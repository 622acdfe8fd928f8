import { type Challenge, solveChallenge } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';

/** What a browser does with a challenge: the answer, as a form carries it. */
export async function solved(challenge: Challenge): Promise<string> {
  const solution = await solveChallenge({ challenge, deriveKey });
  return answerOf({ challenge, solution });
}

export const answerOf = (payload: unknown): string => Buffer.from(JSON.stringify(payload)).toString('base64');
