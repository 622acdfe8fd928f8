import type Koa from 'koa';
import { cookieOf, setCookie } from '../http/cookies.ts';
import { assertCsrf, csrfToken } from '../http/csrf.ts';
import type { WayBack } from '../http/errand-pages.ts';
import { readForm } from '../http/form-body.ts';
import { assertOwnSite } from '../http/own-site.ts';
import type { TenantCall } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import { randomToken } from '../kernel/secret.ts';
import type { Issuer } from '../oidc/issuers.ts';
import type { Page } from './page.ts';
import { answerProblem } from './problem-page.ts';

/**
 * What somebody comes to our pages for outside of a sign-in: a forgotten password, a new account, the link of a letter.
 * It belongs to one browser, which a cookie tells apart, and remembers the sign-in that it may have interrupted.
 */
export type Errand = {
  readonly issuer: Issuer;
  /** What only this browser has: codes of letters work here. */
  readonly holder: string;
  readonly csrf: string;
  /** The interaction from which the person came. */
  readonly interaction: string | undefined;
};

export type ErrandTools = {
  page: Page;
  callOf(ctx: Koa.Context): TenantCall;
  /** What letters need to know of the person before the page: what they read, and at which issuer they are. */
  readerOf(ctx: Koa.Context): { languages: readonly string[]; base: string };
};

export type Form = Record<string, string | undefined>;

/** What stands at a path: a page that is looked at, and what is posted to it. */
export type ErrandPage = {
  show(ctx: Koa.Context, errand: Errand): Promise<void>;
  post?(ctx: Koa.Context, errand: Errand, form: Form): Promise<void>;
};

const INTERACTION = /^[\w-]{16,64}$/;
const VALUE = /^([\w-]{43})(?:\.([\w-]{16,64}))?$/;

/**
 * Serves pages outside of an interaction, below an issuer: path, method, own site, browser and CSRF value, the page. To
 * look at a page changes nothing: robots that follow links use nothing up.
 */
export function errandRoutes(pages: Readonly<Record<`/${string}`, ErrandPage>>, tools: ErrandTools): Koa.Middleware {
  const table = new Map<string, ErrandPage>(Object.entries(pages));
  return async (ctx, next) => {
    const found = table.get(ctx.path);
    if (!found) return next();
    ctx.state['route'] = ctx.path;
    try {
      await serve(ctx, found, tools);
    } catch (error) {
      answerProblem(ctx, error, tools);
    }
  };
}

async function serve(ctx: Koa.Context, { show, post }: ErrandPage, { page }: ErrandTools): Promise<void> {
  if (ctx.method === 'GET' || ctx.method === 'HEAD') return show(ctx, beginErrand(ctx));
  if (ctx.method !== 'POST' || !post) {
    ctx.set('allow', post ? 'GET, HEAD, POST' : 'GET, HEAD');
    return page(ctx, 'error', { reason: 'request' }, 405);
  }
  assertOwnSite(ctx);
  const errand = errandOf(ctx);
  if (!errand) throw new Failure('forbidden', { reason: 'no browser' });
  const form = await readForm(ctx);
  assertCsrf(errand.issuer.tenant.keyFor('csrf'), subjectOf(errand.holder), form['csrf']);
  await post(ctx, errand, form);
}

const subjectOf = (holder: string) => `errand:${holder}`;

/** `__Host-` and `__Secure-`: no neighbouring host can plant one. */
function cookieName({ mount, url }: Issuer): string {
  if (!url.startsWith('https:')) return mount ? 'ght_errand' : 'gh_errand';
  return mount ? '__Secure-ght_errand' : '__Host-gh_errand';
}

/** The errand that this browser is on; undefined for a browser without the cookie. */
export function errandOf(ctx: Koa.Context): Errand | undefined {
  const issuer = ctx.state['issuer'] as Issuer;
  const [, holder, interaction] = VALUE.exec(cookieOf(ctx, cookieName(issuer)) ?? '') ?? [];
  if (holder === undefined) return undefined;
  return { issuer, holder, csrf: csrfToken(issuer.tenant.keyFor('csrf'), subjectOf(holder)), interaction };
}

/** The same, and a new one for a browser that is on none. `?from=` names the interaction that is interrupted. */
function beginErrand(ctx: Koa.Context): Errand {
  const known = errandOf(ctx);
  const { from } = ctx.query;
  const asked = typeof from === 'string' && INTERACTION.test(from) ? from : undefined;
  if (known && (asked === undefined || asked === known.interaction)) return known;
  return keepErrand(ctx, ctx.state['issuer'] as Issuer, known?.holder ?? randomToken(), asked);
}

/** Notes where this browser is signing in: an errand leads back there. */
export function rememberInteraction(ctx: Koa.Context, issuer: Issuer, uid: string): void {
  const known = errandOf(ctx);
  if (known?.interaction !== uid) keepErrand(ctx, issuer, known?.holder ?? randomToken(), uid);
}

function keepErrand(ctx: Koa.Context, issuer: Issuer, holder: string, interaction: string | undefined): Errand {
  setCookie(ctx, {
    name: cookieName(issuer),
    value: interaction === undefined ? holder : `${holder}.${interaction}`,
    path: issuer.mount || '/',
    // The link of a letter comes from elsewhere, and must find the browser that asked for it.
    sameSite: 'Lax',
    maxAge: LIMITS.verifyEmailSeconds,
    secure: issuer.url.startsWith('https:'),
  });
  return { issuer, holder, csrf: csrfToken(issuer.tenant.keyFor('csrf'), subjectOf(holder)), interaction };
}

/** Where the person was signing in, as long as that can go on. */
export async function wayBack({ issuer, interaction: uid }: Errand): Promise<WayBack | undefined> {
  if (uid === undefined) return undefined;
  const interaction = await issuer.provider.Interaction.find(uid);
  if (!interaction) return undefined;
  const client = await issuer.provider.Client.find(String(interaction.params['client_id']));
  return client && { url: `${issuer.mount}/interaction/${uid}`, client: client.clientName ?? client.clientId };
}

/** Sends the browser to another page of ours (303: what was posted must not be posted again). */
export function goTo(ctx: Koa.Context, { issuer }: Errand, path: `/${string}`): void {
  ctx.status = 303;
  ctx.redirect(`${issuer.mount}${path}`);
}
