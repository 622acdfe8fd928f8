import type Koa from 'koa';
import type { AccountNote } from '../http/account-pages.ts';
import { ACCOUNT_PAGES } from '../oidc/house-clients.ts';
import type { Issuer } from '../oidc/issuers.ts';
import { browserOf, dropPageSession, keepPageSession, readPageSession } from '../oidc/page-session.ts';
import { endPageSignIn } from '../oidc/page-sign-in.ts';
import { baseOf, signedIn, type VisitTools } from './visit.ts';

/** The two addresses at which a browser arrives from the issuer: signed in, and signed out. */
export function arrivalPages(
  tools: Pick<VisitTools, 'callOf' | 'page'>,
): Readonly<Record<string, (ctx: Koa.Context) => Promise<void>>> {
  return {
    '/account/callback': (ctx) => arrive(ctx, tools),
    '/account/signed-out': (ctx) => leave(ctx, tools),
  };
}

/** @throws Failure `sign_in_expired` */
async function arrive(ctx: Koa.Context, { callOf, page }: Pick<VisitTools, 'callOf' | 'page'>): Promise<void> {
  const issuer = ctx.state['issuer'] as Issuer;
  const where = { issuer, pages: ACCOUNT_PAGES };
  const given = { query: ctx.query, browser: browserOf(ctx, where) };
  const arrival = await endPageSignIn(callOf(ctx), issuer, ACCOUNT_PAGES, given);
  if ('visitor' in arrival) {
    const { visitor, proven, returnTo } = arrival;
    // What was to be said on the way here still is.
    const before = readPageSession(ctx, where);
    const note = before?.userId === visitor.userId ? before.note : undefined;
    keepPageSession(ctx, where, { ...visitor, proven, since: Date.now(), note });
    return goTo(ctx, `${issuer.mount}${returnTo}`);
  }
  // They turned back. Who is signed in still is; anyone else may try again.
  const known = await signedIn(ctx, { callOf });
  if (!known) return page(ctx, 'signed-out', { signInUrl: baseOf(issuer) });
  const note: AccountNote = arrival.refused === 'access_denied' ? 'turned_back' : 'no_proof';
  keepPageSession(ctx, where, { ...known.session, note });
  goTo(ctx, baseOf(issuer));
}

async function leave(ctx: Koa.Context, { page }: Pick<VisitTools, 'page'>): Promise<void> {
  const issuer = ctx.state['issuer'] as Issuer;
  dropPageSession(ctx, { issuer, pages: ACCOUNT_PAGES });
  page(ctx, 'signed-out', { signInUrl: baseOf(issuer) });
}

function goTo(ctx: Koa.Context, url: string): void {
  ctx.status = 303;
  ctx.redirect(url);
}
