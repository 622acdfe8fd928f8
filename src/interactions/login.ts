import type Koa from 'koa';
import type { SessionService } from '../domain/sessions/session-service.ts';
import type { Outcome, SignIn } from '../domain/sign-in/sign-in-service.ts';
import type { Vouched } from '../domain/sign-in/tokens.ts';
import type { TenantCall } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import type { UserId } from '../kernel/ids.ts';
import { LIMITS } from '../kernel/limits.ts';
import { readDeviceCookie, setDeviceCookie } from '../http/device-cookie.ts';
import { aboutAccount, aboutClient, finish, type InteractionStep } from './interaction.ts';
import type { Page } from './page.ts';

export type LoginTools = { page: Page; signIn: SignIn; sessions: SessionService; callOf(ctx: Koa.Context): TenantCall };

/** Identifier and password, on one page. */
export async function showLogin(
  ctx: Koa.Context,
  step: InteractionStep,
  { page }: Pick<LoginTools, 'page'>,
  tried: { identifier?: string; problem?: string; status?: number } = {},
): Promise<void> {
  const { details, csrf, action } = step;
  const { login_hint: hint } = details.params;
  page(
    ctx,
    'login',
    {
      action,
      csrf,
      client: await aboutClient(step),
      identifier: tried.identifier ?? (typeof hint === 'string' ? hint.slice(0, LIMITS.emailChars) : ''),
      cancellable: true,
      problem: tried.problem === undefined ? undefined : { code: tried.problem },
    },
    tried.status,
  );
}

export async function postLogin(ctx: Koa.Context, step: InteractionStep, form: Record<string, string | undefined>, tools: LoginTools): Promise<void> {
  if (form['action'] === 'cancel') {
    return finish(ctx, step, { error: 'access_denied', error_description: 'The user cancelled.' });
  }
  if (form['action'] === 'save') return postNewPassword(ctx, step, form, tools);
  const { identifier = '', password = '' } = form;
  try {
    const outcome = await tools.signIn.withPassword(tools.callOf(ctx), { identifier, password, deviceCookie: readDeviceCookie(ctx) });
    const remember = form['remember'] !== undefined;
    await proceed(ctx, step, outcome, remember, tools);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const status = STATUSES[error.code];
    if (status === undefined) throw error;
    if (status === 503) ctx.set('retry-after', '1');
    const problem = error.code === 'invalid_input' ? 'invalid_credentials' : error.code;
    await showLogin(ctx, step, tools, { problem, identifier: identifier.slice(0, LIMITS.emailChars), status });
  }
}

/** Refusals that the page shows; any other goes on to the error page. */
const STATUSES: Partial<Record<Failure['code'], number>> = { invalid_credentials: 401, invalid_input: 401, rate_limited: 429, busy: 503 };

/** Signed in, or one more thing to do. */
async function proceed(ctx: Koa.Context, step: InteractionStep, outcome: Outcome, remember: boolean, tools: LoginTools): Promise<void> {
  setDeviceCookie(ctx, outcome.deviceCookie, { path: step.issuer.mount || '/', secure: step.issuer.url.startsWith('https:') });
  if (outcome.kind === 'signed-in') return finishLogin(ctx, step, outcome.vouched, remember, tools);
  const pending: Pending = { ticket: outcome.ticket, userId: outcome.vouched.userId, remember };
  await keepPending(step, pending);
  await showNewPassword(ctx, step, pending, tools);
}

/** Ends the session of whoever used this browser before, when it is somebody else who signs in now. */
async function finishLogin(ctx: Koa.Context, step: InteractionStep, vouched: Vouched, remember: boolean, { sessions, callOf }: LoginTools): Promise<void> {
  const { details, issuer } = step;
  const before = details.session;
  if (before && before.accountId !== vouched.userId && before.uid) {
    await sessions.endByUid(callOf(ctx), before.uid, 'account_switched');
    const interaction = await issuer.provider.Interaction.find(details.uid);
    if (interaction) {
      (interaction as { session?: unknown }).session = undefined;
      await interaction.persist();
    }
    ctx.cookies.set(issuer.provider.cookieName('session'), null, { path: issuer.mount || '/' });
  }
  const selected = step.details.prompt.name === 'select_account' && { select_account: {} };
  await finish(ctx, step, {
    ...selected,
    login: {
      accountId: vouched.userId,
      amr: [...vouched.amr],
      acr: vouched.acr,
      ts: Math.floor(vouched.authTime.getTime() / 1000),
      remember,
    },
  });
}

// --- a password that must be changed before anything else -------------------------------------------------------------

type Pending = { ticket: string; userId: UserId; remember: boolean };

/** Remembers in the sealed interaction that the old password was right; it is no login yet. */
async function keepPending({ issuer, details }: InteractionStep, pending: Pending): Promise<void> {
  const interaction = await issuer.provider.Interaction.find(details.uid);
  if (!interaction) throw new Failure('not_found');
  interaction.result = { pending };
  await interaction.persist();
}

function pendingOf({ details }: InteractionStep): Pending | undefined {
  return (details.result as { pending?: Pending } | undefined)?.pending;
}

async function showNewPassword(ctx: Koa.Context, step: InteractionStep, pending: Pending, { page }: Pick<LoginTools, 'page'>, problem?: string): Promise<void> {
  const { action, csrf, issuer } = step;
  const account = await aboutAccount(step, pending.userId);
  if (!account) throw new Failure('invalid_credentials');
  const { minLength } = issuer.tenant.settings.password;
  const data = { action, csrf, account, reason: 'required' as const, minLength, cancellable: true };
  page(ctx, 'new-password', { ...data, problem: problem === undefined ? undefined : { code: problem } }, problem === undefined ? 200 : 422);
}

async function postNewPassword(ctx: Koa.Context, step: InteractionStep, form: Record<string, string | undefined>, tools: LoginTools): Promise<void> {
  const pending = pendingOf(step);
  if (!pending) return showLogin(ctx, step, tools);
  const { password = '', password_confirmation: confirmation } = form;
  if (password !== confirmation) return showNewPassword(ctx, step, pending, tools, 'passwords_differ');
  try {
    const outcome = await tools.signIn.withNewPassword(tools.callOf(ctx), { ticket: pending.ticket, password, deviceCookie: readDeviceCookie(ctx) });
    await proceed(ctx, step, outcome, pending.remember, tools);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const problem = NEW_PASSWORD_PROBLEMS[error.code];
    if (problem === undefined) throw error;
    await (problem === '' ? showLogin(ctx, step, tools) : showNewPassword(ctx, step, pending, tools, problem));
  }
}

/** Refusals of a new password as the page names them; an expired ticket begins anew. */
const NEW_PASSWORD_PROBLEMS: Partial<Record<Failure['code'], string>> = {
  password_policy: 'password_policy',
  password_breached: 'password_breached',
  invalid_input: 'password_policy',
  sign_in_expired: '',
};
