import type Koa from 'koa';
import { cookieOf, setCookie } from '../http/cookies.ts';
import type { OperatorCall } from '../kernel/call.ts';
import { LIMITS } from '../kernel/limits.ts';
import { randomToken, seal, unseal } from '../kernel/secret.ts';
import type { HousePages } from './house-clients.ts';
import type { Issuer } from './issuers.ts';
import { findLiveAtPage, type LiveSession } from './live-session-store.ts';
import type { PageVisitor } from './page-sign-in.ts';

export type { LiveSession } from './live-session-store.ts';

/**
 * A browser that has signed in to pages of ours. It lives in a sealed cookie, and opens nothing by itself: whether the
 * session behind it still counts is asked with each request (`livePageSession`).
 */
export type PageSession = PageVisitor & {
  /** Milliseconds since 1970. */
  since: number;
  /** Whether it began with a proof that was asked for. */
  proven: boolean;
  /** What the next page says of the last act. */
  note?: string | undefined;
};

/** Which pages, at which issuer. */
export type Where = { issuer: Issuer; pages: HousePages };

const isSecure = ({ issuer }: Where) => issuer.url.startsWith('https:');

/** Tenants below a path and the one at the root share a host, so their cookies must not share a name. */
function cookieAt(where: Where, suffix = ''): { name: string; path: string; sameSite: 'Lax'; secure: boolean } {
  const { mount } = where.issuer;
  const { path } = where.pages;
  const prefix = isSecure(where) ? (mount ? '__Secure-' : '__Host-') : '';
  return {
    name: `${prefix}${mount ? 'ght' : 'gh'}_${path.slice(1)}${suffix}`,
    path: mount ? `${mount}${path}` : '/',
    // Not Strict: the browser comes here by a redirect, whose chain another site may have begun.
    sameSite: 'Lax',
    secure: isSecure(where),
  };
}

const place = ({ issuer, pages }: Where) => `${issuer.tenant.id}/page-session/${issuer.url}/${pages.clientId}`;

/** What the browser's cookie says; undefined for none, a forged, a foreign, and one that is past its hour. */
export function readPageSession(ctx: Koa.Context, where: Where): PageSession | undefined {
  const value = cookieOf(ctx, cookieAt(where).name);
  if (!value) return undefined;
  try {
    const plain = unseal(where.issuer.tenant.keyFor('seal'), place(where), Buffer.from(value, 'base64url'));
    const session = JSON.parse(plain.toString()) as PageSession;
    return session.since + LIMITS.pageSessionSeconds * 1000 > Date.now() ? session : undefined;
  } catch {
    return undefined;
  }
}

/** Gives the browser its session; it goes with the browser. */
export function keepPageSession(ctx: Koa.Context, where: Where, session: PageSession): void {
  const sealed = seal(where.issuer.tenant.keyFor('seal'), place(where), Buffer.from(JSON.stringify(session)));
  setCookie(ctx, { ...cookieAt(where), value: sealed.toString('base64url') });
}

export function dropPageSession(ctx: Koa.Context, where: Where): void {
  setCookie(ctx, { ...cookieAt(where), value: '', maxAge: 0 });
}

/**
 * Whether it is time to go through the authorization endpoint again: in the middle of the page session's life, so that
 * a form that is shown can still be sent, and before the core's session would be idle for too long.
 */
export function isDueAgain({ since }: PageSession, { issuer }: Where): boolean {
  const seconds = Math.min(LIMITS.pageSessionSeconds, issuer.tenant.settings.sessions.idleSeconds) / 2;
  return since + seconds * 1000 < Date.now();
}

/** What the person may do at this moment; undefined where session, grant, user or tenant is no more. One statement. */
export function livePageSession(
  call: OperatorCall,
  { userId, sessionUid, grantId }: PageVisitor,
  { issuer, pages }: Where,
): Promise<LiveSession | undefined> {
  const { id: tenantId, settings } = issuer.tenant;
  const about = { tenantId, userId, sessionUid, lifetimes: settings.sessions };
  return findLiveAtPage(call, { ...about, grantId, clientId: pages.clientId });
}

/** What only this browser has, while somebody signs in: the one it has already, so that two tabs do not disturb each other. */
export function browserOf(ctx: Koa.Context, where: Where): string | undefined {
  const value = cookieOf(ctx, cookieAt(where, '_browser').name);
  return value !== undefined && /^[\w-]{43}$/.test(value) ? value : undefined;
}

export function keepBrowser(ctx: Koa.Context, where: Where): string {
  const value = browserOf(ctx, where) ?? randomToken();
  setCookie(ctx, { ...cookieAt(where, '_browser'), value, maxAge: LIMITS.pageSignInSeconds });
  return value;
}
