import type Koa from 'koa';
import type { Outcome } from '../domain/sign-in/progress.ts';
import type { PasskeySignal } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import { browserOf, type InteractionStep } from './interaction.ts';
import { type LoginTools, showLogin } from './login.ts';
import { credentialOf, siteOfStep } from './passkey-site.ts';

/** @returns how the sign-in goes on; undefined when the login page was shown again */
export async function postPasskey(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  const site = siteOfStep(step);
  try {
    const given = { site, assertion: credentialOf(form), ...(await browserOf(ctx, step, tools)) };
    return await tools.signIn.withPasskey(tools.callOf(ctx), given);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const [problem, status] = PROBLEMS[error.code] ?? [];
    if (problem === undefined || status === undefined) throw error;
    const signals = await signalsAfter(ctx, step, form, error, tools);
    await showLogin(ctx, step, tools, { problem, status, signals });
    return undefined;
  }
}

/** A browser that offers a passkey which nobody knows any more is told to forget it. */
async function signalsAfter(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  { details }: Failure,
  { passkeys, callOf }: LoginTools,
): Promise<PasskeySignal[]> {
  if (details['reason'] !== 'unknown_passkey') return [];
  const [site, assertion] = [siteOfStep(step), credentialOf(form) as { id: string }];
  if (!(await passkeys.isUnknown(callOf(ctx), site, assertion))) return [];
  return [{ kind: 'unknown', rpId: site.rpId, credentialId: assertion.id }];
}

/** Refusals that the login page shows; any other goes on to the error page. */
const PROBLEMS: Partial<Record<Failure['code'], [problem: ProblemCode, status: number]>> = {
  passkey_refused: ['passkey_refused', 401],
  invalid_input: ['passkey_refused', 401],
  challenge_ended: ['challenge_ended', 401],
  rate_limited: ['rate_limited', 429],
};
