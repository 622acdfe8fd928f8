import type Koa from 'koa';
import type { PasswordService } from '../domain/passwords/password-service.ts';
import type { SessionService } from '../domain/sessions/session-service.ts';
import type { SignIn } from '../domain/sign-in/sign-in-service.ts';
import type { Vouched } from '../domain/sign-in/tokens.ts';
import type { TenantCall } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import { deviceCookie, setDeviceCookie } from '../http/cookies.ts';
import { aboutClient, finish, type InteractionStep } from './interaction.ts';
import type { Page } from './page.ts';

export type LoginTools = { page: Page; signIn: SignIn; passwords: PasswordService; sessions: SessionService; callOf(ctx: Koa.Context): TenantCall };

/** Identifier and password, on one page. */
export async function showLogin(ctx: Koa.Context, step: InteractionStep, { page }: Pick<LoginTools, 'page'>, problem?: string, identifier?: string, status = 200): Promise<void> {
  const { details, csrf, action } = step;
  const hint = typeof details.params['login_hint'] === 'string' ? details.params['login_hint'].slice(0, 254) : '';
  page(ctx, 'login', { action, csrf, client: await aboutClient(step), identifier: identifier ?? hint, problem: problem ?? null }, status);
}

export async function postLogin(ctx: Koa.Context, step: InteractionStep, form: Record<string, string | undefined>, tools: LoginTools): Promise<void> {
  if (form['action'] === 'cancel') {
    return finish(ctx, step, { error: 'access_denied', error_description: 'The user cancelled.' });
  }
  if (form['action'] === 'new-password') return postNewPassword(ctx, step, form, tools);
  const { identifier = '', password = '' } = form;
  const known = deviceCookie(ctx);
  try {
    const outcome = await tools.signIn.withPassword(tools.callOf(ctx), { identifier, password, ...(known !== undefined && { deviceCookie: known }) });
    setDeviceCookie(ctx, outcome.deviceCookie, step.issuer.url.startsWith('https:'));
    const remember = form['remember'] !== undefined;
    if (outcome.kind === 'action-needed') {
      await keepPending(step, outcome.vouched, remember);
      return showNewPassword(ctx, step, tools);
    }
    await finishLogin(ctx, step, outcome.vouched, remember, tools);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const [problem, status] = PROBLEMS[error.code] ?? [undefined, 500];
    if (!problem) throw error;
    if (status === 503) ctx.set('retry-after', '1');
    await showLogin(ctx, step, tools, problem, identifier.slice(0, 254), status);
  }
}

const PROBLEMS: Partial<Record<Failure['code'], [text: string, status: number]>> = {
  invalid_credentials: ['login.problem.credentials', 401],
  invalid_input: ['login.problem.credentials', 401],
  rate_limited: ['login.problem.limited', 429],
  busy: ['login.problem.busy', 503],
};

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
  await finish(ctx, step, {
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

type Pending = { userId: string; amr: string[]; acr: string; authTime: number; remember: boolean };

/** Remembers in the sealed interaction that the old password was right; it is no login yet. */
async function keepPending({ issuer, details }: InteractionStep, vouched: Vouched, remember: boolean): Promise<void> {
  const interaction = await issuer.provider.Interaction.find(details.uid);
  if (!interaction) throw new Failure('not_found');
  const pending: Pending = { userId: vouched.userId, amr: [...vouched.amr], acr: vouched.acr, authTime: vouched.authTime.getTime(), remember };
  interaction.result = { pending };
  await interaction.persist();
}

function pendingOf({ details }: InteractionStep): Pending | undefined {
  return (details.result as { pending?: Pending } | undefined)?.pending;
}

async function showNewPassword(ctx: Koa.Context, { action, csrf }: InteractionStep, { page }: Pick<LoginTools, 'page'>, problem?: string, status = 200): Promise<void> {
  page(ctx, 'new-password', { action, csrf, problem: problem ?? null }, status);
}

async function postNewPassword(ctx: Koa.Context, step: InteractionStep, form: Record<string, string | undefined>, tools: LoginTools): Promise<void> {
  const pending = pendingOf(step);
  if (!pending) return showLogin(ctx, step, tools);
  if (form['password'] !== form['password_confirmation']) return showNewPassword(ctx, step, tools, 'new-password.problem.differ', 422);
  try {
    await tools.passwords.set(tools.callOf(ctx), pending.userId as Vouched['userId'], form['password'] ?? '');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === 'password_breached') return showNewPassword(ctx, step, tools, 'new-password.problem.breached', 422);
    if (error.code === 'password_policy' || error.code === 'invalid_input') return showNewPassword(ctx, step, tools, 'new-password.problem.policy', 422);
    throw error;
  }
  const vouched = { ...pending, userId: pending.userId as Vouched['userId'], authTime: new Date(pending.authTime) };
  await finishLogin(ctx, step, vouched, pending.remember, tools);
}

