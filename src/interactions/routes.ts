import type Koa from 'koa';
import { errors } from 'oidc-provider';
import type { Outcome } from '../domain/sign-in/progress.ts';
import { Failure } from '../kernel/failure.ts';
import { ACCOUNT_PAGES } from '../oidc/house-clients.ts';
import type { Issuer } from '../oidc/issuers.ts';
import { postAccount, showAccount } from './account.ts';
import { arrive } from './arrival.ts';
import { outcomeOf } from './backup-codes.ts';
import { postConsent, showConsent } from './consent.ts';
import { showDuties } from './duties.ts';
import { postEnrolment } from './enrolment.ts';
import { errandOf } from './errand.ts';
import { postFactor } from './factor.ts';
import { goOn, showPending } from './go-on.ts';
import { finish, type InteractionStep, loadInteraction, readInteractionForm } from './interaction.ts';
import { type LoginTools, postLogin, showLogin } from './login.ts';
import { postNewPassword } from './new-password.ts';
import { postPasskey } from './passkey-login.ts';
import { postPasskeyOffer } from './passkey-offer.ts';
import { type Pending, pendingOf } from './pending.ts';
import { answerProblem } from './problem-page.ts';
import { showStepUp } from './step-up.ts';
import { postTerms } from './terms.ts';
import { lookForLink, postVerifyEmail } from './verify-email.ts';

const INTERACTION = /^\/interaction\/([\w-]{16,64})$/;

/**
 * Our pages below an issuer: `/interaction/:uid`, where the core sends a browser that must sign in, choose or consent.
 * What the core itself serves (`/device`, `/oauth/logout`) it asks us to draw (core-pages.ts).
 */
export function interactionRoutes(tools: LoginTools): Koa.Middleware {
  return async (ctx, next) => {
    const uid = INTERACTION.exec(ctx.path)?.[1];
    if (uid === undefined) {
      if (ctx.path === '/' && (ctx.method === 'GET' || ctx.method === 'HEAD')) return showHome(ctx, tools);
      keepTypedCode(ctx);
      return next();
    }
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD' && ctx.method !== 'POST') {
      ctx.status = 405;
      ctx.set('allow', 'GET, HEAD, POST');
      return tools.page(ctx, 'error', { reason: 'request' }, 405);
    }
    try {
      const step = await loadInteraction(ctx, uid);
      if (ctx.method === 'POST') await post(ctx, step, tools);
      else await show(ctx, step, tools);
    } catch (error) {
      answerProblem(ctx, error, tools);
    }
  };
}

async function show(ctx: Koa.Context, step: InteractionStep, tools: LoginTools): Promise<void> {
  switch (step.details.prompt.name) {
    case 'login':
      return showPendingOr(ctx, step, tools);
    case 'create':
      return pendingOf(step) ? showPendingOr(ctx, step, tools) : showCreate(ctx, step, tools);
    case 'mfa':
      return showStepUp(ctx, step, tools);
    case 'duties':
      return pendingOf(step) ? showPendingOr(ctx, step, tools) : showDuties(ctx, step, tools);
    case 'select_account':
      return showAccount(ctx, step, tools);
    case 'consent':
      return ctx.query['switch'] === undefined ? showConsent(ctx, step, tools.page) : showLogin(ctx, step, tools);
    default:
      throw new errors.SessionNotFound('no page for this step');
  }
}

/** The application wishes a new account (OIDC Prompt Create 1.0 §4); whoever has one turns back to the login form. */
async function showCreate(ctx: Koa.Context, step: InteractionStep, tools: LoginTools): Promise<void> {
  const { issuer, details } = step;
  const isOpen = issuer.tenant.settings.registration.selfService;
  if (!isOpen || errandOf(ctx)?.interaction === details.uid) return showLogin(ctx, step, tools);
  ctx.status = 303;
  ctx.redirect(`${issuer.mount}/register?from=${details.uid}`);
}

/** A page that was loaded again shows the step that waits, not the first. */
async function showPendingOr(ctx: Koa.Context, step: InteractionStep, tools: LoginTools): Promise<void> {
  const pending = pendingOf(step);
  if (!pending) return showLogin(ctx, step, tools);
  if (pending.kind === 'backup-codes') return goOn(ctx, step, outcomeOf(step, pending), pending.remember, tools);
  if (pending.kind === 'arrival' || pending.kind === 'verify-email') return resume(ctx, step, pending, tools);
  return showPending(ctx, step, pending, tools).catch((error: unknown) => beginAnew(ctx, step, error, tools));
}

/** What was proven elsewhere meanwhile, by a letter, lets the sign-in go on. */
async function resume(
  ctx: Koa.Context,
  step: InteractionStep,
  pending: Extract<Pending, { kind: 'arrival' | 'verify-email' }>,
  tools: LoginTools,
): Promise<void> {
  try {
    const outcome =
      pending.kind === 'arrival'
        ? await arrive(ctx, step, pending, tools)
        : await lookForLink(ctx, step, pending, tools);
    if (outcome) await goOn(ctx, step, outcome, pending.remember, tools);
    else if (pending.kind === 'verify-email') await showPending(ctx, step, pending, tools);
  } catch (error) {
    await beginAnew(ctx, step, error, tools);
  }
}

async function post(ctx: Koa.Context, step: InteractionStep, tools: LoginTools): Promise<void> {
  const form = await readInteractionForm(ctx, step);
  const action = form['action'];
  if (action === 'cancel')
    return finish(ctx, step, { error: 'access_denied', error_description: 'The user cancelled.' });
  // "Not you?" leads from any step to the login form, and what it posts is a login.
  if (action === 'login' || action === 'passkey') {
    const signIn = action === 'login' ? postLogin : postPasskey;
    const outcome = await signIn(ctx, step, form, tools);
    return outcome && goOn(ctx, step, outcome, form['remember'] !== undefined, tools);
  }
  if (action !== undefined && LATER.test(action)) return postLater(ctx, step, form, tools);
  switch (step.details.prompt.name) {
    case 'select_account':
      return postAccount(ctx, step, form, tools);
    case 'consent':
      return postConsent(ctx, step, form);
    default:
      return show(ctx, step, tools);
  }
}

/** Buttons of the steps after the first proof. */
const LATER = /^(save|verify|send|use:\w+|enrol|enrol-passkey|seen|skip|resend|opened|accept)$/;

/** A step after the password. When it has ended meanwhile, the sign-in begins anew. */
async function postLater(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  tools: LoginTools,
): Promise<void> {
  const pending = pendingOf(step);
  if (!pending) return show(ctx, step, tools);
  const { remember, kind } = pending;
  try {
    let outcome: Outcome | undefined = kind === 'backup-codes' ? outcomeOf(step, pending) : undefined;
    if (kind === 'passkey-offer') outcome = await postPasskeyOffer(ctx, step, form, pending, tools);
    if (kind === 'factor') outcome = await postFactor(ctx, step, form, pending, tools);
    if (kind === 'enrol-factor') outcome = await postEnrolment(ctx, step, form, pending, tools);
    if (kind === 'verify-email') outcome = await postVerifyEmail(ctx, step, form, pending, tools);
    if (kind === 'accept-terms') outcome = await postTerms(ctx, step, form, pending, tools);
    if (kind === 'new-password') outcome = await postNewPassword(ctx, step, form, pending, tools);
    if (outcome) await goOn(ctx, step, outcome, remember, tools);
  } catch (error) {
    await beginAnew(ctx, step, error, tools);
  }
}

/** What was proven so far counts no more: the password comes first again, or the next question of a step-up. */
async function beginAnew(ctx: Koa.Context, step: InteractionStep, error: unknown, tools: LoginTools): Promise<void> {
  if (!(error instanceof Failure)) throw error;
  const { code } = error;
  if (code !== 'challenge_ended' && code !== 'sign_in_expired') throw error;
  if (step.details.prompt.name === 'mfa' && code === 'challenge_ended') return showStepUp(ctx, step, tools);
  await showLogin(ctx, step, tools, { problem: code, status: 401 });
}

/** Somebody opened the issuer's address itself. */
function showHome(ctx: Koa.Context, { page }: LoginTools): void {
  const { mount } = ctx.state['issuer'] as Issuer;
  page(ctx, 'home', {
    accountUrl: `${mount}${ACCOUNT_PAGES.path}`,
    docsUrl: '/docs',
    discoveryUrl: `${mount}/.well-known/openid-configuration`,
  });
}

/** A link with the code in it (verification_uri_complete) fills the form in; a person still has to send it. */
function keepTypedCode(ctx: Koa.Context): void {
  if (ctx.path !== '/device' || ctx.method !== 'GET' || typeof ctx.query['user_code'] !== 'string') return;
  ctx.state['userCode'] = ctx.query['user_code'];
  ctx.query = {};
}
