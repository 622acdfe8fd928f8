import type Koa from 'koa';
import { assertCsrf } from '../http/csrf.ts';
import { readForm } from '../http/form-body.ts';
import { assertOwnSite } from '../http/own-site.ts';
import type { RateLimiter, RateRule } from '../http/rate-limit.ts';
import { Failure } from '../kernel/failure.ts';
import { addLogFacts } from '../kernel/log.ts';
import { ACCOUNT_PAGES } from '../oidc/house-clients.ts';
import type { Issuer } from '../oidc/issuers.ts';
import { isDueAgain } from '../oidc/page-session.ts';
import { type AccountPage, createPageTable } from './account-page.ts';
import { arrivalPages } from './arrival.ts';
import { answerRefusal } from './refusal.ts';
import { askToSignIn, csrfSubject, signedIn, type Visit, type VisitTools, visitOf } from './visit.ts';

/** What a person does on their own pages; those of all nodes count together. */
const ACCOUNT_RATE: RateRule = { name: 'account', points: 300, seconds: 60, per: 'user', count: 'reported' };

export type AccountTools = VisitTools & {
  pages: readonly AccountPage[];
  /** Absent where a gateway limits. */
  limiter?: RateLimiter | undefined;
};

/**
 * `/account` below an issuer: where a signed-in person sees and changes what is theirs. For each request, in this order:
 * path, method, own site, sign-in (one statement), limits of the person, CSRF value, the page.
 */
export function accountRoutes(tools: AccountTools): Koa.Middleware {
  const find = createPageTable(tools.pages);
  const arrivals = arrivalPages(tools);
  return async (ctx, next) => {
    if (ctx.path === '/.well-known/change-password') return toPassword(ctx, next);
    const arrival = arrivals[ctx.path];
    const found = arrival ? undefined : find(ctx.path);
    if (!arrival && !found) return next();
    ctx.state['route'] = arrival ? ctx.path : found?.page.path;
    // Who is signed in decides what stands here.
    ctx.vary('Cookie');
    if (refusesMethod(ctx, found?.page.post !== undefined, tools)) return;
    try {
      await (arrival ? arrival(ctx) : serve(ctx, found!, tools));
    } catch (error) {
      await answerRefusal(ctx, error, tools);
    }
  };
}

async function serve(
  ctx: Koa.Context,
  { page, params }: { page: AccountPage; params: Record<string, string> },
  tools: AccountTools,
): Promise<void> {
  const isPost = ctx.method === 'POST';
  if (isPost) assertOwnSite(ctx);
  const known = await signedIn(ctx, tools);
  const issuer = ctx.state['issuer'] as Issuer;
  // What was posted without a session is not done: the browser comes back to the page it came from.
  if (!known || (!isPost && isDueAgain(known.session, { issuer, pages: ACCOUNT_PAGES })))
    return askToSignIn(ctx, ctx.path);
  // With `no-referrer`, browsers send forms with `Origin: null` (Fetch §3.2), and older ones nothing else by which own
  // forms could be told from others.
  ctx.set('Referrer-Policy', 'same-origin');
  addLogFacts({ tenantId: known.call.tenantId, actor: known.call.actor });
  await limit(known.session.userId, tools);
  const form = isPost ? await readForm(ctx) : undefined;
  if (form) assertCsrf(issuer.tenant.keyFor('csrf'), csrfSubject(known.session), form['csrf']);
  const visit: Visit = await visitOf(ctx, known, params, tools);
  ctx.state['visit'] = visit;
  await (form ? page.post!(visit, form) : page.show(visit));
}

/** @throws Failure `rate_limited` */
async function limit(userId: string, { limiter }: AccountTools): Promise<void> {
  const spent = await limiter?.spend(ACCOUNT_RATE, userId);
  if (spent?.isOver) throw new Failure('rate_limited', { retryAfter: spent.resetSeconds });
}

function refusesMethod(ctx: Koa.Context, hasForm: boolean, { page }: AccountTools): boolean {
  const allowed = hasForm ? ['GET', 'HEAD', 'POST'] : ['GET', 'HEAD'];
  if (allowed.includes(ctx.method)) return false;
  ctx.set('allow', allowed.join(', '));
  page(ctx, 'error', { reason: 'request' }, 405);
  return true;
}

/** Where password managers look for the page on which a password is changed (W3C, A Well-Known URL for Changing Passwords). */
async function toPassword(ctx: Koa.Context, next: Koa.Next): Promise<void> {
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next();
  ctx.status = 302;
  ctx.redirect(`${(ctx.state['issuer'] as Issuer).mount}${ACCOUNT_PAGES.path}/password`);
}
