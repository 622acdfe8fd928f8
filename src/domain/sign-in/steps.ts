import type { UserId } from '../../kernel/ids.ts';
import type { Duties } from '../duties/duty.ts';
import { isRemembered, type SecondFactor } from '../factors/factor.ts';
import type { Account, TenantOfAccount } from './sign-in-store.ts';
import type { Vouched } from './tokens.ts';

/** What a person must still do after the proofs, before they are signed in. */
export type Action = 'verify-email' | 'accept-terms' | 'new-password' | 'enrol-factor';

/** A further proof, or something to do. */
export type Step = 'factor' | Action;

/** Where a sign-in stands: whose it is, what has been proven so far, and what the tenant asks of them. */
export type Standing = {
  account: Account;
  tenant: TenantOfAccount;
  amr: readonly string[];
  authTime: Date;
  second: SecondFactor;
  duties: Duties;
  /** Whether these are the proofs of a session that has begun: then it is not asked for more of them here. */
  inSession: boolean;
  /** Whether the browser has signed in to this account before, by our cookie. */
  isKnown: boolean;
};

/** Authentication context classes: one factor, two factors. */
export const ACR = { one: 'urn:gatehouse:acr:1fa', two: 'urn:gatehouse:acr:2fa' } as const;

const hasTwo = (amr: readonly string[]) => amr.includes('mfa');

/**
 * What comes between the right password and the session, in this order: proofs first, so that nothing can be changed by
 * who has one of two. That somebody reads the letters of their address is a proof too.
 */
const STEPS: readonly { step: Step; wanted(standing: Standing): boolean }[] = [
  { step: 'factor', wanted: ({ amr, second, inSession }) => second.asked && !hasTwo(amr) && !inSession },
  { step: 'verify-email', wanted: ({ duties }) => duties.verifyEmail !== undefined },
  { step: 'accept-terms', wanted: ({ duties }) => duties.acceptTerms !== undefined },
  { step: 'new-password', wanted: ({ account }) => account.password?.mustChange === true },
  { step: 'enrol-factor', wanted: ({ second, inSession }) => second.mustEnrol && !inSession },
];

/** The next thing to do; undefined: all is done. */
export function nextStep(standing: Standing): Step | undefined {
  return STEPS.find(({ wanted }) => wanted(standing))?.step;
}

/** How it is named that a remembered browser stood in for the second factor: "risk-based" (RFC 8176 §2). */
export const REMEMBERED = 'rba';

/** What the house says of a person at this point. One factor is one factor, however often it was shown. */
export function vouchedOf({ account, amr, authTime, second }: Standing): Vouched & { userId: UserId } {
  const { userId } = account;
  if (hasTwo(amr)) return { userId, amr, acr: ACR.two, authTime };
  const named = isRemembered(second) && !amr.includes(REMEMBERED) ? [...amr, REMEMBERED] : amr;
  return { userId, amr: named, acr: ACR.one, authTime };
}
