import { randomInt } from 'node:crypto';
import type { EmailTokenId, UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { hmac, sha256 } from '../../kernel/secret.ts';

/** What a letter's link or code is good for. `register`: for an account that there is not yet. */
export type EmailPurpose = 'password-reset' | 'verify-email' | 'change-email' | 'register';

/** Seconds for which a letter is good. */
export const LIFE: Record<EmailPurpose, number> = {
  'password-reset': LIMITS.recoverySeconds,
  'verify-email': LIMITS.verifyEmailSeconds,
  'change-email': LIMITS.changeEmailSeconds,
  register: LIMITS.verifyEmailSeconds,
};

type Found = { id: EmailTokenId; email: string };

/** A live token, as it is found by its link or its code. */
export type EmailToken<P extends EmailPurpose = Exclude<EmailPurpose, 'register'>> = Found &
  (P extends 'register'
    ? { sealed: Buffer; isHeldBy: Buffer | undefined }
    : { userId: UserId } & (P extends 'change-email' ? { sessionUid: string } : object));

/** Decimal digits of a code: 26 bits; only five tries are given at one. */
export const CODE_DIGITS = 8;

export function newCode(): string {
  return String(randomInt(10 ** CODE_DIGITS)).padStart(CODE_DIGITS, '0');
}

/** How a code is kept: its own for each token, so that two equal codes do not show. */
export function codeHash(key: Buffer, id: EmailTokenId, code: string): Buffer {
  return hmac(key, `email-code:${id}:${code}`);
}

/** How a token knows the browser that asked for it. */
export const holderHash = (holder: string): Buffer => sha256(`email-token-holder:${holder}`);
