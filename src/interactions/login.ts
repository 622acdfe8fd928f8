import type Koa from 'koa';
import type { ChallengeService } from '../domain/factors/challenge-service.ts';
import type { PasskeyService } from '../domain/factors/passkey-service.ts';
import type { SessionService } from '../domain/sessions/session-service.ts';
import type { Outcome } from '../domain/sign-in/progress.ts';
import type { SignIn } from '../domain/sign-in/sign-in-service.ts';
import type { PasskeySignal } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import type { TenantCall } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import { aboutGoal, browserOf, type InteractionStep } from './interaction.ts';
import type { Page } from './page.ts';
import { hasPasskeys, siteOfStep } from './passkey-site.ts';

export type LoginTools = {
  page: Page;
  signIn: SignIn;
  sessions: SessionService;
  challenges: Pick<ChallengeService, 'isOpen' | 'webauthnOptions' | 'send' | 'sendingOf'>;
  passkeys: PasskeyService;
  callOf(ctx: Koa.Context): TenantCall;
  /** What letters need to know of the person before the page: what they read, and at which issuer they are. */
  readerOf(ctx: Koa.Context): { languages: readonly string[]; base: string };
};

/** Identifier and password, or a passkey, on one page. */
export async function showLogin(
  ctx: Koa.Context,
  step: InteractionStep,
  { page, signIn, callOf }: Pick<LoginTools, 'page' | 'signIn' | 'callOf'>,
  tried: { identifier?: string; problem?: ProblemCode; status?: number; signals?: readonly PasskeySignal[] } = {},
): Promise<void> {
  const { details, csrf, action, issuer } = step;
  const passkey = hasPasskeys(step)
    ? await signIn.passkeyOptions(callOf(ctx), { site: siteOfStep(step), browser: details.uid })
    : undefined;
  const { login_hint: hint } = details.params;
  page(
    ctx,
    'login',
    {
      action,
      csrf,
      client: await aboutGoal(step),
      identifier: tried.identifier ?? (typeof hint === 'string' ? hint.slice(0, LIMITS.emailChars) : ''),
      cancellable: true,
      passkey: passkey && { options: passkey.options, signals: tried.signals },
      forgotUrl: `${issuer.mount}/recovery?from=${details.uid}`,
      registerUrl: issuer.tenant.settings.registration.selfService
        ? `${issuer.mount}/register?from=${details.uid}`
        : undefined,
      problem: tried.problem === undefined ? undefined : { code: tried.problem },
    },
    tried.status,
  );
}

/** @returns how the sign-in goes on; undefined when the page was shown again */
export async function postLogin(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  const { identifier = '', password = '' } = form;
  try {
    const browser = await browserOf(ctx, step, tools);
    return await tools.signIn.withPassword(tools.callOf(ctx), { identifier, password, ...browser });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const [problem, status] = PROBLEMS[error.code] ?? [];
    if (problem === undefined || status === undefined) throw error;
    if (status === 503) ctx.set('retry-after', '1');
    await showLogin(ctx, step, tools, { problem, identifier: identifier.slice(0, LIMITS.emailChars), status });
    return undefined;
  }
}

/** Refusals that the page shows; any other goes on to the error page. */
const PROBLEMS: Partial<Record<Failure['code'], [problem: ProblemCode, status: number]>> = {
  invalid_credentials: ['invalid_credentials', 401],
  invalid_input: ['invalid_credentials', 401],
  rate_limited: ['rate_limited', 429],
  busy: ['busy', 503],
};
