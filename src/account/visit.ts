import type Koa from 'koa';
import { permissionsOfRoles } from '../domain/access/role.ts';
import type { SignIn } from '../domain/sign-in/sign-in-service.ts';
import { ACR } from '../domain/sign-in/steps.ts';
import type { User } from '../domain/users/user.ts';
import type { UserService } from '../domain/users/user-service.ts';
import { ACCOUNT_NOTES, type AccountFrame, type AccountNote, type AccountSection } from '../http/account-pages.ts';
import { csrfToken } from '../http/csrf.ts';
import type { Page } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import type { Actor, TenantCall } from '../kernel/call.ts';
import type { UserId } from '../kernel/ids.ts';
import { LIMITS } from '../kernel/limits.ts';
import { ACCOUNT_PAGES, signedOutOf } from '../oidc/house-clients.ts';
import type { Issuer } from '../oidc/issuers.ts';
import {
  keepBrowser,
  keepPageSession,
  type LiveSession,
  livePageSession,
  type PageSession,
  readPageSession,
} from '../oidc/page-session.ts';
import { beginPageSignIn, type WantedProof } from '../oidc/page-sign-in.ts';

/** What every page of the account works with. */
export type VisitTools = {
  page: Page;
  /** A call in the tenant of the request's issuer, by nobody yet. */
  callOf(ctx: Koa.Context): TenantCall;
  users: Pick<UserService, 'get'>;
  signIn: Pick<SignIn, 'secondFactorOf'>;
};

export type UserCall = TenantCall & { readonly actor: Extract<Actor, { kind: 'user' }> };

/** A signed-in person at a page of their account. */
export type Visit = {
  readonly ctx: Koa.Context;
  readonly issuer: Issuer;
  readonly call: UserCall;
  readonly userId: UserId;
  readonly user: User;
  /** What the path names. */
  readonly params: Readonly<Record<string, string>>;
  readonly session: PageSession;
  readonly csrf: string;
};

const where = (ctx: Koa.Context) => ({ issuer: ctx.state['issuer'] as Issuer, pages: ACCOUNT_PAGES });

/** The value that the forms of a session carry. */
export const csrfSubject = ({ sessionUid }: PageSession): string => `account:${sessionUid}`;

/** Who this browser belongs to; undefined when nobody is signed in at these pages, or not any more. */
export async function signedIn(
  ctx: Koa.Context,
  { callOf }: Pick<VisitTools, 'callOf'>,
): Promise<{ session: PageSession; call: UserCall } | undefined> {
  const session = readPageSession(ctx, where(ctx));
  if (!session) return undefined;
  const call = callOf(ctx);
  const live = await livePageSession(call, session, where(ctx));
  return live && { session, call: { ...call, actor: actorOf(session, live) } };
}

function actorOf({ userId, sessionUid }: PageSession, { roles, permissions }: LiveSession): UserCall['actor'] {
  const named = roles.map((name) => ({ name, permissions: [] }));
  return {
    kind: 'user',
    userId,
    sessionUid,
    roles,
    permissions: permissionsOfRoles([...named, { name: '', permissions }]),
  };
}

/** The person with what their pages need. A note of the last act is shown once. */
export async function visitOf(
  ctx: Koa.Context,
  { session, call }: { session: PageSession; call: UserCall },
  params: Readonly<Record<string, string>>,
  { users }: Pick<VisitTools, 'users'>,
): Promise<Visit> {
  const { issuer } = where(ctx);
  const user = await users.get(call, session.userId);
  // Their own language, where this browser has chosen none.
  if (user.locale) ctx.state['uiLocales'] = user.locale;
  if (session.note !== undefined && ctx.method !== 'POST')
    keepPageSession(ctx, where(ctx), { ...session, note: undefined });
  const csrf = csrfToken(issuer.tenant.keyFor('csrf'), csrfSubject(session));
  return { ctx, issuer, call, userId: user.id, user, params, session, csrf };
}

/** The frame of a page. */
export function frameOf({ ctx, issuer, user, session }: Visit, section: AccountFrame['section']): AccountFrame {
  const { mount, url, tenant } = issuer;
  const signOut = new URLSearchParams({
    client_id: ACCOUNT_PAGES.clientId,
    post_logout_redirect_uri: signedOutOf(ACCOUNT_PAGES, url),
  });
  return {
    account: { name: [user.firstName, user.lastName].filter(Boolean).join(' ') || user.email, identifier: user.email },
    base: baseOf(issuer),
    section,
    timezone: user.timezone ?? tenant.settings.timezone,
    signOutUrl: `${mount}/oauth/logout?${signOut}`,
    note: ctx.method === 'POST' ? undefined : noteOf(session),
  };
}

function noteOf({ note }: PageSession): AccountFrame['note'] {
  const name = note as AccountNote;
  return note !== undefined && Object.hasOwn(ACCOUNT_NOTES, note) ? { name, good: ACCOUNT_NOTES[name] } : undefined;
}

/** A frame around a form, which goes back to the page's own address. */
export function formOf(visit: Visit, section: AccountSection, problem?: ProblemCode) {
  const { ctx, csrf, issuer } = visit;
  const shown = { problem: problem === undefined ? undefined : { code: problem } };
  return { ...frameOf(visit, section), ...shown, action: `${issuer.mount}${ctx.path}`, csrf };
}

export const baseOf = ({ mount }: Issuer): string => `${mount}${ACCOUNT_PAGES.path}`;

/** The act is done: on to a page of the account, which says so (303: it must not be done again by a reload). */
export function done({ ctx, issuer, session }: Visit, path: string, note?: AccountNote): void {
  keepPageSession(ctx, where(ctx), { ...session, note });
  goTo(ctx, `${baseOf(issuer)}${path}`);
}

/** Sends the browser to sign in, or, with a proof, to show more; it comes back to `returnTo`, a path below the issuer. */
export function askToSignIn(ctx: Koa.Context, returnTo: string, proof?: WantedProof): void {
  const { issuer, pages } = where(ctx);
  const journey = { returnTo, browser: keepBrowser(ctx, { issuer, pages }), ...(proof && { proof }) };
  goTo(ctx, beginPageSignIn(issuer, pages, journey).href);
}

/**
 * Asks for a login that is fresh enough for what the person wishes to do, with a second factor if they have one. The
 * login is asked to be younger than the room demands, so that there is time to do it.
 *
 * @param anew whether the login of a moment ago will not do, whose factor was too weak
 */
export async function askForProof(
  { ctx, call, issuer, user }: Visit,
  { signIn, anew }: Pick<VisitTools, 'signIn'> & { anew: boolean },
): Promise<void> {
  const { offered } = await signIn.secondFactorOf(call, user.id, issuer.tenant.settings.mfa);
  const acr = offered.length > 0 ? ACR.two : undefined;
  askToSignIn(ctx, ctx.path, { maxAge: anew ? 0 : LIMITS.recentProofSeconds / 2, acr, hint: user.email });
}

function goTo(ctx: Koa.Context, url: string): void {
  ctx.status = 303;
  ctx.redirect(url);
}
