import type Koa from 'koa';
import type { Outcome } from '../domain/sign-in/progress.ts';
import type { Vouched } from '../domain/sign-in/tokens.ts';
import { setDeviceCookie } from '../http/device-cookie.ts';
import { showEnrolment } from './enrolment.ts';
import { showFactor } from './factor.ts';
import { finish, type InteractionStep, letGoOfSession } from './interaction.ts';
import type { LoginTools } from './login.ts';
import { showNewPassword } from './new-password.ts';
import { offerPasskey, showPasskeyOffer } from './passkey-offer.ts';
import { keepPending, type Pending } from './pending.ts';
import { showTerms } from './terms.ts';
import { showVerifyEmail } from './verify-email.ts';

type Waiting = Exclude<Pending, { kind: 'backup-codes' | 'arrival' }>;

/** Signed in, or one more thing to do: the page for it. */
export async function goOn(
  ctx: Koa.Context,
  step: InteractionStep,
  outcome: Outcome,
  remember: boolean,
  tools: LoginTools,
): Promise<void> {
  const { issuer } = step;
  if (outcome.deviceCookie !== undefined)
    setDeviceCookie(ctx, outcome.deviceCookie, { path: issuer.mount || '/', secure: issuer.url.startsWith('https:') });
  if (outcome.kind === 'signed-in') {
    if (await offerPasskey(ctx, step, outcome, remember, tools)) return;
    return finishLogin(ctx, step, outcome.vouched, remember, tools);
  }
  const pending = pendingFor(outcome, remember);
  await keepPending(step, pending);
  await showPending(ctx, step, pending, tools);
}

function pendingFor(outcome: Exclude<Outcome, { kind: 'signed-in' }>, remember: boolean): Waiting {
  const whose = { userId: outcome.vouched.userId, remember };
  if (outcome.kind === 'action-needed') return { ...whose, kind: outcome.action, ticket: outcome.ticket };
  return { ...whose, kind: 'factor', challengeId: outcome.challengeId, factors: outcome.factors };
}

/** The page of a step that waits. */
export async function showPending(
  ctx: Koa.Context,
  step: InteractionStep,
  pending: Waiting,
  tools: LoginTools,
): Promise<void> {
  if (pending.kind === 'factor') return showFactor(ctx, step, pending, tools);
  if (pending.kind === 'enrol-factor') return showEnrolment(ctx, step, pending, tools);
  if (pending.kind === 'verify-email') return showVerifyEmail(ctx, step, pending, tools);
  if (pending.kind === 'accept-terms') return showTerms(ctx, step, pending, tools);
  if (pending.kind === 'passkey-offer') return showPasskeyOffer(ctx, step, pending, tools);
  return showNewPassword(ctx, step, pending, tools);
}

/** Prompts that a login answers too. */
const BESIDE_LOGIN: readonly string[] = ['select_account', 'create', 'mfa', 'duties'];

/** Ends the session of whoever used this browser before, when it is somebody else who signs in now. */
async function finishLogin(
  ctx: Koa.Context,
  step: InteractionStep,
  vouched: Vouched,
  remember: boolean,
  { sessions, callOf }: LoginTools,
): Promise<void> {
  const { details, issuer } = step;
  const before = details.session;
  if (before && before.accountId !== vouched.userId && before.uid) {
    await sessions.endByUid(callOf(ctx), before.uid, 'account_switched');
    await letGoOfSession(ctx, issuer, details.uid);
  }
  const { name } = details.prompt;
  await finish(ctx, step, {
    // What was asked for beside the login is done with it.
    ...(BESIDE_LOGIN.includes(name) && { [name]: {} }),
    login: {
      accountId: vouched.userId,
      amr: [...vouched.amr],
      acr: vouched.acr,
      ts: Math.floor(vouched.authTime.getTime() / 1000),
      // To the millisecond, for the store of sessions: the core keeps seconds.
      provenAt: vouched.authTime.getTime(),
      remember,
    },
  });
}
