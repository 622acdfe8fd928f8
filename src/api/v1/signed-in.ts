import type { z } from 'zod';
import type { Services } from '../../domain/services.ts';
import type { Outcome } from '../../domain/sign-in/progress.ts';
import type { Action } from '../../domain/sign-in/steps.ts';
import type { OperatorCall } from '../../kernel/call.ts';
import { Failure, type FailureCode } from '../../kernel/failure.ts';
import type { Browser } from '../browser.ts';
import { presentTokens, type tokenBody } from './token-body.ts';

/** The pages lead through what is to be done; of that, this contract has operations for the second factor only. */
const REFUSALS = {
  'verify-email': 'email_unverified',
  'accept-terms': 'terms_required',
  'new-password': 'password_change_required',
  'enrol-factor': 'factor_enrolment_required',
} as const satisfies Record<Action, FailureCode>;

/** What every way of signing in may refuse after the proof was right. */
export const UNFINISHED = ['factor_required', ...Object.values(REFUSALS)] as const;

/**
 * Issues the tokens of a person who is signed in.
 *
 * @throws Failure `factor_required` with the challenge; another of `UNFINISHED` where the pages must be used
 */
export async function tokensOf(
  call: OperatorCall,
  outcome: Outcome,
  browser: Browser,
  services: Pick<Services, 'tokens'>,
): Promise<z.input<typeof tokenBody>> {
  if (outcome.kind === 'factor-needed') {
    const { challengeId, factors } = outcome;
    throw new Failure('factor_required', { challengeId, factors });
  }
  browser.setDevice(outcome.deviceCookie);
  if (outcome.kind === 'action-needed') throw new Failure(REFUSALS[outcome.action], { action: outcome.action });
  const issued = await services.tokens.issue({ ...call, tenantId: outcome.tenantId }, outcome.vouched);
  return presentTokens(issued, browser);
}
