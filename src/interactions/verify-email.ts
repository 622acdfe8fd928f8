import type Koa from 'koa';
import { CODE_DIGITS } from '../domain/recovery/email-token.ts';
import type { Outcome } from '../domain/sign-in/progress.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import { rememberInteraction } from './errand.ts';
import { aboutAccount, browserOf, type InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import type { Pending } from './pending.ts';

type Waiting = Extract<Pending, { kind: 'verify-email' }>;

/** The address must be proven first: a field for the code of the letter, and a way on for whoever has opened its link. */
export async function showVerifyEmail(
  ctx: Koa.Context,
  step: InteractionStep,
  { userId }: Pick<Waiting, 'userId'>,
  { page }: Pick<LoginTools, 'page'>,
  { again, problem, status }: { again?: boolean; problem?: ProblemCode; status?: number } = {},
): Promise<void> {
  const { action, csrf, issuer, details } = step;
  const account = await aboutAccount(step, userId);
  if (!account) throw new Failure('sign_in_expired');
  // The link, opened on this browser, leads back here.
  rememberInteraction(ctx, issuer, details.uid);
  const data = {
    action,
    csrf,
    matter: 'verify_email' as const,
    to: account.identifier,
    again,
    codeChars: CODE_DIGITS,
    continuable: true,
    cancellable: true,
    problem: problem === undefined ? undefined : { code: problem },
  };
  page(ctx, 'letter-sent', data, status);
}

/** @returns how the sign-in goes on; undefined when the page was shown again. @throws Failure `sign_in_expired` */
export async function postVerifyEmail(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  pending: Waiting,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  const { signIn, callOf } = tools;
  const { action, code = '' } = form;
  const given = { ticket: pending.ticket, ...(await browserOf(ctx, step, tools)) };
  const again = async (more: { again?: boolean; problem?: ProblemCode; status?: number }): Promise<undefined> => {
    await showVerifyEmail(ctx, step, pending, tools, more);
  };
  try {
    if (action === 'resend') {
      await signIn.resendEmailCode(callOf(ctx), given);
      return await again({ again: true });
    }
    if (action === 'opened') return await openedLink(ctx, step, pending, tools);
    return await signIn.withEmailCode(callOf(ctx), { ...given, code });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === 'token_invalid') return again({ problem: 'code_wrong', status: 401 });
    if (error.code !== 'rate_limited') throw error;
    ctx.set('retry-after', String(error.details['retryAfter']));
    return again({ problem: 'rate_limited', status: 429 });
  }
}

/** Where the link was opened, the sign-in goes on; else the page says that it was not. */
async function openedLink(
  ctx: Koa.Context,
  step: InteractionStep,
  pending: Waiting,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  const outcome = await lookForLink(ctx, step, pending, tools);
  if (outcome) return outcome;
  await showVerifyEmail(ctx, step, pending, tools, { problem: 'link_not_opened', status: 401 });
  return undefined;
}

/** How the sign-in goes on, where the link was opened meanwhile. @throws Failure `sign_in_expired` */
export async function lookForLink(
  ctx: Koa.Context,
  step: InteractionStep,
  { ticket }: Waiting,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  const browser = await browserOf(ctx, step, tools);
  const outcome = await tools.signIn.withEmailLink(tools.callOf(ctx), { ticket, ...browser });
  return outcome.kind === 'action-needed' && outcome.action === 'verify-email' ? undefined : outcome;
}
