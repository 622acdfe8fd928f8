import type { UserId } from '../../kernel/ids.ts';
import type { Account } from './sign-in-store.ts';
import type { Vouched } from './tokens.ts';

/** What a person must still do after the proofs, before they are signed in. */
export type Action = 'new-password';

/** Where a sign-in stands: whose it is, and what has been proven so far. */
export type Standing = { account: Account; amr: readonly string[]; authTime: Date };

/**
 * What comes between the right password and the session, in this order. A further factor, the verification of the
 * e-mail address or terms of use are a line here, and an answer of the faces.
 */
const STEPS: readonly { action: Action; wanted(standing: Standing): boolean }[] = [
  { action: 'new-password', wanted: ({ account }) => account.password?.mustChange === true },
];

/** The next thing to do; undefined: all is done. */
export function nextAction(standing: Standing): Action | undefined {
  return STEPS.find(({ wanted }) => wanted(standing))?.action;
}

/** What the house says of a person at this point. One factor is one factor, however often it was shown. */
export function vouchedOf({ account, amr, authTime }: Standing): Vouched & { userId: UserId } {
  return { userId: account.userId, amr, acr: 'urn:gatehouse:acr:1fa', authTime };
}
