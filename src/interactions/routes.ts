import type Koa from 'koa';
import { errors } from 'oidc-provider';
import type { Origin } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import type { Issuer } from '../oidc/issuers.ts';
import { showAccount, postAccount } from './account.ts';
import { postConsent, showConsent } from './consent.ts';
import { type InteractionStep, loadInteraction, readInteractionForm } from './interaction.ts';
import { type LoginTools, postLogin, showLogin } from './login.ts';

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
      return showLogin(ctx, step, tools);
    case 'select_account':
      return showAccount(ctx, step, tools);
    case 'consent':
      return ctx.query['switch'] === undefined ? showConsent(ctx, step, tools.page) : showLogin(ctx, step, tools);
    default:
      throw new errors.SessionNotFound('no page for this step');
  }
}

async function post(ctx: Koa.Context, step: InteractionStep, tools: LoginTools): Promise<void> {
  const form = await readInteractionForm(ctx, step);
  const action = form['action'];
  // "Not you?" leads from any step to the login form, and what it posts is a login.
  if (action === 'login' || action === 'save' || action === 'cancel') return postLogin(ctx, step, form, tools);
  switch (step.details.prompt.name) {
    case 'select_account':
      return postAccount(ctx, step, form, tools);
    case 'consent':
      return postConsent(ctx, step, form);
    default:
      return showLogin(ctx, step, tools);
  }
}

/** Somebody opened the issuer's address itself. */
function showHome(ctx: Koa.Context, { page }: LoginTools): void {
  const { mount } = ctx.state['issuer'] as Issuer;
  page(ctx, 'home', { docsUrl: '/docs', discoveryUrl: `${mount}/.well-known/openid-configuration` });
}

/** A link with the code in it (verification_uri_complete) fills the form in; a person still has to send it. */
function keepTypedCode(ctx: Koa.Context): void {
  if (ctx.path !== '/device' || ctx.method !== 'GET' || typeof ctx.query['user_code'] !== 'string') return;
  ctx.state['userCode'] = ctx.query['user_code'];
  ctx.query = {};
}

function answerProblem(ctx: Koa.Context, error: unknown, { page }: LoginTools): void {
  if (error instanceof errors.SessionNotFound) return page(ctx, 'expired', {}, 400);
  if (!(error instanceof Failure)) throw error;
  if (error.code === 'busy') {
    ctx.set('retry-after', '1');
    return page(ctx, 'busy', { retryAfterSeconds: 1 }, 503);
  }
  const status = { forbidden: 403, too_large: 413, unsupported_media: 415 }[error.code as string] ?? 400;
  page(ctx, 'error', { reason: status === 403 ? 'forbidden' : 'request', requestId: (ctx.state['origin'] as Origin).requestId }, status);
}

