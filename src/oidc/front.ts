import type { Knex } from 'knex';
import type Koa from 'koa';
import compose from 'koa-compose';
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { Documents } from '../http/documents.ts';
import type { Origin } from '../kernel/call.ts';
import { sha256 } from '../kernel/secret.ts';
import type { CorePages } from './features.ts';
import { type Issuer, type Issuers, mounted } from './issuers.ts';
import { inRequestScope } from './request-scope.ts';
import { TooManyRequests } from './too-many-requests.ts';

/** What a request below an issuer carries for our own pages. */
export type IssuerState = { issuer: Issuer; origin: Origin };

const WELL_KNOWN_BELOW = /^\/\.well-known\/(openid-configuration|oauth-authorization-server)(\/t\/[a-z0-9-]{1,63})\/?$/;
/** Seconds for which anyone may keep the documents; far below the time a key is published before it signs. */
const DISCOVERY_AGE = 300;
const JWKS_AGE = 3_600;

export type FrontOptions = {
  db: Knex;
  issuers: Issuers;
  documents: Documents;
  errorPage: CorePages['error'];
  pages: Koa.Middleware;
};

/**
 * Everything that belongs to an issuer: its documents, our pages, and the core for the rest. Requests that name no
 * tenant go on to whoever comes next.
 */
export function serveIssuers({ db, issuers, documents, pages, errorPage }: FrontOptions): Koa.Middleware {
  const stacks = new WeakMap<Issuer, Koa.Middleware>();
  const stackOf = (issuer: Issuer): Koa.Middleware => {
    const stack = stacks.get(issuer) ?? mounted(compose([pages, issuer.run]), issuer.mount);
    stacks.set(issuer, stack);
    return stack;
  };

  function document(ctx: Koa.Context, age: number, content: Parameters<Documents['answer']>[1]): void {
    ctx.set('access-control-allow-origin', '*');
    ctx.set('cross-origin-resource-policy', 'cross-origin');
    ctx.set('cache-control', `public, max-age=${age}`);
    ctx.type = 'application/json';
    documents.answer(ctx, content);
  }

  return async (ctx, next) => {
    moveWellKnown(ctx);
    const generation = documents.generation();
    const issuer = await issuers.resolve(ctx.host, ctx.path);
    if (!issuer) return next();
    const path = ctx.path.slice(issuer.mount.length);
    if (ctx.method === 'GET' || ctx.method === 'HEAD') {
      if (path === '/.well-known/openid-configuration' || path === '/.well-known/oauth-authorization-server')
        return document(ctx, DISCOVERY_AGE, { body: issuer.discovery, route: path, generation });
      if (path === '/.well-known/jwks.json')
        return document(ctx, JWKS_AGE, { body: issuer.jwks, route: path, generation });
    }
    bindCookies(ctx, issuer);
    ctx.state['issuer'] = issuer;
    const origin = ctx.state['origin'] as Origin;
    const scope = { db, tenantId: issuer.tenant.id, ...origin, device: sha256(origin.userAgent) };
    try {
      await inRequestScope(
        scope,
        () => stackOf(issuer)(ctx, next),
        () => ctx.status < 500,
      );
    } catch (error) {
      if (!(error instanceof errors.OIDCProviderError)) throw error;
      await refuse(ctx as never, error, errorPage);
    }
  };
}

/** RFC 8414 §3.1 puts the issuer's path behind the well-known name, OIDC Discovery before it. Both work. */
function moveWellKnown(ctx: Koa.Context): void {
  const [, name, mount] = WELL_KNOWN_BELOW.exec(ctx.path) ?? [];
  if (name && mount) ctx.path = `${mount}/.well-known/${name}`;
}

/**
 * Our pages and the core must use one cookie jar, with the tenant's own keys. A cookie that came twice counts as none: a
 * neighbouring host may have planted one of them, and nobody knows which (RFC 6265 §8.6).
 */
function bindCookies(ctx: Koa.Context, { provider, url }: Issuer): void {
  const { cookie } = ctx.req.headers;
  if (cookie !== undefined) ctx.req.headers.cookie = withoutTwins(cookie);
  let jar: Koa.Context['cookies'] | undefined;
  const open = () => {
    jar = provider.createContext(ctx.req, ctx.res).cookies;
    (jar as unknown as { secure: boolean }).secure = url.startsWith('https:');
    return jar;
  };
  // Made when it is asked for: most requests of machines have no cookies.
  Object.defineProperty(ctx, 'cookies', { configurable: true, get: () => jar ?? open() });
}

function withoutTwins(header: string): string {
  const pairs = header.split(';').map((pair) => pair.trim());
  const nameOf = (pair: string) => pair.split('=', 1)[0];
  const count = new Map<string | undefined, number>();
  for (const pair of pairs) count.set(nameOf(pair), (count.get(nameOf(pair)) ?? 0) + 1);
  return pairs.filter((pair) => count.get(nameOf(pair)) === 1).join('; ');
}

/** The writes came too late (a code was spent, a grant revoked): the answer that was ready must not go out. */
async function refuse(
  ctx: KoaContextWithOIDC,
  error: errors.OIDCProviderError,
  errorPage: CorePages['error'],
): Promise<void> {
  const description = error.error_description;
  const out = { error: error.error, ...(description !== undefined && { error_description: description }) };
  ctx.remove('location');
  ctx.remove('set-cookie');
  ctx.status = error.statusCode;
  ctx.set('cache-control', 'no-store');
  if (error instanceof TooManyRequests) ctx.set('retry-after', String(error.retryAfter));
  if (ctx.accepts('json', 'html') === 'html') await errorPage(ctx, out, error);
  else ctx.body = out;
}
