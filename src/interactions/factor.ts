import type Koa from 'koa';
import type { Answer } from '../domain/factors/challenge-service.ts';
import type { FactorKind } from '../domain/factors/factor.ts';
import { type Channel, isChannel } from '../domain/factors/sent-code.ts';
import type { Outcome } from '../domain/sign-in/progress.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import { aboutAccount, browserOf, type InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import { credentialOf, siteOfStep } from './passkey-site.ts';
import type { Pending } from './pending.ts';

type Waiting = Extract<Pending, { kind: 'factor' }>;
type Tools = Pick<LoginTools, 'page' | 'challenges' | 'callOf'>;
type Tried = { chosen?: string | undefined; problem?: ProblemCode; status?: number };

/** A passkey first: it is the strongest, and the least work. */
const ORDER: readonly FactorKind[] = ['webauthn', 'totp', 'email', 'sms', 'backup_code'];

/** The factor that is shown: the one that was chosen, or the first that can be answered. */
function shownOf(factors: readonly FactorKind[], chosen?: string): FactorKind | undefined {
  return factors.find((kind) => kind === chosen) ?? ORDER.find((kind) => factors.includes(kind));
}

/** The second factor: a passkey or a code, and the way to another. */
export async function showFactor(
  ctx: Koa.Context,
  step: InteractionStep,
  pending: Pick<Waiting, 'userId' | 'factors' | 'challengeId'>,
  tools: Tools,
  { chosen, problem, status = 200 }: Tried = {},
): Promise<void> {
  const { action, csrf, issuer } = step;
  const account = await aboutAccount(step, pending.userId);
  const passkey = await passkeyOf(ctx, step, pending, tools);
  const here = pending.factors.filter((kind) => kind !== 'webauthn' || passkey?.options);
  // Whose only passkey belongs to another address of the tenant is told so.
  const factor = shownOf(here, chosen) ?? shownOf(pending.factors);
  if (!account || !factor) throw new Failure('sign_in_expired');
  const code = problem ?? (here.length === 0 ? 'passkey_elsewhere' : undefined);
  const data = {
    action,
    csrf,
    account,
    factor,
    others: here.filter((kind) => kind !== factor),
    passkey,
    sending: isChannel(factor) ? await sendingOf(ctx, pending, factor, tools) : undefined,
    rememberDays: issuer.tenant.settings.mfa.rememberDeviceDays,
    cancellable: true,
    problem: code === undefined ? undefined : { code },
  };
  tools.page(ctx, 'factor', data, status);
}

/** What a passkey is asked for, where one is among the factors; without options where the person has none of this site. */
async function passkeyOf(
  ctx: Koa.Context,
  step: InteractionStep,
  { factors, challengeId }: Pick<Waiting, 'factors' | 'challengeId'>,
  { challenges, callOf }: Tools,
): Promise<{ options?: object } | undefined> {
  if (!factors.includes('webauthn')) return undefined;
  const asked = { challengeId, browser: step.details.uid };
  try {
    return { options: await challenges.webauthnOptions(callOf(ctx), asked, siteOfStep(step)) };
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'factor_not_allowed') throw error;
    return {};
  }
}

/** Where a code goes to, in part, and whether one is on its way. */
async function sendingOf(
  ctx: Koa.Context,
  pending: Pick<Waiting, 'challengeId' | 'userId'>,
  channel: Channel,
  { challenges, callOf }: Tools,
): Promise<{ target: string; isSent: boolean }> {
  const { targets, sent } = await challenges.sendingOf(callOf(ctx), pending);
  return { target: targets[channel] ?? '', isSent: sent === channel };
}

/** @returns how the sign-in goes on; undefined when the page was shown again. @throws Failure `challenge_ended`, `sign_in_expired` */
export async function postFactor(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  pending: Waiting,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  const { action = '', factor: chosen } = form;
  const again = async (more: Tried): Promise<undefined> => {
    await showFactor(ctx, step, pending, tools, more);
  };
  if (action.startsWith('use:')) return again({ chosen: action.slice('use:'.length) });
  const factor = shownOf(pending.factors, chosen);
  if (!factor) throw new Failure('challenge_ended');
  if (action === 'send')
    return again(isChannel(factor) ? await sendCode(ctx, step, pending, factor, tools) : { chosen: factor });
  try {
    return await tools.signIn.withFactor(tools.callOf(ctx), {
      ...answerOf(step, form, pending, factor),
      ...(await browserOf(ctx, step, tools)),
      remember: form['remember_device'] !== undefined,
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === 'factor_wrong' || error.code === 'invalid_input')
      return again({ chosen: factor, problem: refusalOf(factor), status: 401 });
    if (error.code === 'rate_limited') return again({ chosen: factor, problem: 'rate_limited', status: 429 });
    throw error;
  }
}

function answerOf(
  step: InteractionStep,
  form: Record<string, string | undefined>,
  { challengeId }: Waiting,
  factor: FactorKind,
): Answer {
  const asked = { challengeId, browser: step.details.uid };
  if (factor !== 'webauthn') return { ...asked, factor, code: form['code'] ?? '' };
  return { ...asked, factor, assertion: credentialOf(form), site: siteOfStep(step) };
}

function refusalOf(factor: FactorKind): ProblemCode {
  if (factor === 'webauthn') return 'passkey_refused';
  return isChannel(factor) ? 'sent_code_wrong' : 'factor_wrong';
}

/** Sends a code, and says how the page is shown again. */
async function sendCode(
  ctx: Koa.Context,
  step: InteractionStep,
  { challengeId }: Waiting,
  factor: Channel,
  { challenges, callOf, readerOf }: LoginTools,
): Promise<Tried> {
  const wanted = { challengeId, browser: step.details.uid, factor, languages: readerOf(ctx).languages };
  try {
    await challenges.send(callOf(ctx), wanted);
    return { chosen: factor };
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'rate_limited') throw error;
    const isSoon = Number(error.details['retryAfter']) <= LIMITS.sentCodeGapSeconds;
    return { chosen: factor, problem: isSoon ? 'sent_just_now' : 'rate_limited', status: 429 };
  }
}
