import type Koa from 'koa';
import type { FactorKind } from '../domain/factors/factor.ts';
import type { Outcome } from '../domain/sign-in/progress.ts';
import { readDeviceCookie } from '../http/device-cookie.ts';
import type { CodeFactor } from '../http/pages.ts';
import { Failure } from '../kernel/failure.ts';
import { aboutAccount, type InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import type { Pending } from './pending.ts';

type Waiting = Extract<Pending, { kind: 'factor' }>;

const isCode = (kind: unknown): kind is CodeFactor => kind === 'totp' || kind === 'backup_code';

/** The factor whose field is shown: the one that was chosen, or the first that can be answered. */
const shownOf = (factors: readonly FactorKind[], chosen?: string): CodeFactor | undefined =>
  factors.filter(isCode).find((kind) => kind === chosen) ?? factors.find(isCode);

/** The second factor: a code, and the way to another kind of code. */
export async function showFactor(
  ctx: Koa.Context,
  step: InteractionStep,
  { userId, factors }: Pick<Waiting, 'userId' | 'factors'>,
  { page }: Pick<LoginTools, 'page'>,
  { chosen, problem, status = 200 }: { chosen?: string | undefined; problem?: string; status?: number } = {},
): Promise<void> {
  const { action, csrf, issuer } = step;
  const account = await aboutAccount(step, userId);
  const factor = shownOf(factors, chosen);
  if (!account || !factor) throw new Failure('sign_in_expired');
  const data = {
    action,
    csrf,
    account,
    factor,
    others: factors.filter(isCode).filter((kind) => kind !== factor),
    rememberDays: issuer.tenant.settings.mfa.rememberDeviceDays,
    cancellable: true,
    problem: problem === undefined ? undefined : { code: problem },
  };
  page(ctx, 'factor', data, status);
}

/** @returns how the sign-in goes on; undefined when the page was shown again. @throws Failure `challenge_ended`, `sign_in_expired` */
export async function postFactor(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  pending: Waiting,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  const { action = '', factor: chosen, code = '' } = form;
  const again = async (more: {
    chosen?: string | undefined;
    problem?: string;
    status?: number;
  }): Promise<undefined> => {
    await showFactor(ctx, step, pending, tools, more);
  };
  if (action.startsWith('use:')) return again({ chosen: action.slice('use:'.length) });
  const factor = shownOf(pending.factors, chosen);
  if (!factor) throw new Failure('challenge_ended');
  try {
    return await tools.signIn.withFactor(tools.callOf(ctx), {
      challengeId: pending.challengeId,
      factor,
      code,
      browser: step.details.uid,
      deviceCookie: readDeviceCookie(ctx),
      remember: form['remember_device'] !== undefined,
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === 'factor_wrong') return again({ chosen: factor, problem: 'factor_wrong', status: 401 });
    if (error.code === 'rate_limited') return again({ chosen: factor, problem: 'rate_limited', status: 429 });
    throw error;
  }
}
