import type Koa from 'koa';
import type { Outcome } from '../domain/sign-in/progress.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import { aboutAccount, browserOf, type InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import type { Pending } from './pending.ts';

type Waiting = Extract<Pending, { kind: 'new-password' }>;

/** A password that must be changed before anything else. */
export async function showNewPassword(
  ctx: Koa.Context,
  step: InteractionStep,
  { userId }: Pick<Waiting, 'userId'>,
  { page }: Pick<LoginTools, 'page'>,
  problem?: ProblemCode,
): Promise<void> {
  const { action, csrf, issuer } = step;
  const account = await aboutAccount(step, userId);
  if (!account) throw new Failure('invalid_credentials');
  const { minLength } = issuer.tenant.settings.password;
  const data = { action, csrf, account, reason: 'required' as const, minLength, cancellable: true };
  const shown = { ...data, problem: problem === undefined ? undefined : { code: problem } };
  page(ctx, 'new-password', shown, problem === undefined ? 200 : 422);
}

/** @returns how the sign-in goes on; undefined when the page was shown again. @throws Failure `sign_in_expired` */
export async function postNewPassword(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  pending: Waiting,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  const { password = '', password_confirmation: confirmation } = form;
  const again = async (problem: ProblemCode): Promise<undefined> => {
    await showNewPassword(ctx, step, pending, tools, problem);
  };
  if (password !== confirmation) return again('passwords_differ');
  try {
    const { session: before } = step.details;
    const session = before?.accountId === pending.userId ? before.uid : undefined;
    const given = { ticket: pending.ticket, password, session, ...(await browserOf(ctx, step, tools)) };
    return await tools.signIn.withNewPassword(tools.callOf(ctx), given);
  } catch (error) {
    const problem = error instanceof Failure ? PROBLEMS[error.code] : undefined;
    if (problem === undefined) throw error;
    return again(problem);
  }
}

/** Refusals of a new password as the page names them. */
const PROBLEMS: Partial<Record<Failure['code'], ProblemCode>> = {
  password_policy: 'password_policy',
  password_breached: 'password_breached',
  invalid_input: 'password_policy',
};
