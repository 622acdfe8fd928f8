import type { Middleware } from 'koa';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { readForm } from '../http/form-body.ts';

const ENDPOINTS = new Set(['/oauth/token', '/oauth/introspect', '/oauth/revoke', '/oauth/par', '/oauth/device']);

/**
 * What is refused before the core looks: parameters of a POST endpoint in its URL (they would land in logs), and
 * characters that no parameter may hold and no database would keep.
 */
export function guardRequests() {
  return (async (ctx, next) => {
    if (/%00/i.test(ctx.querystring)) return refuse(ctx as never, 'parameters hold a character that is not allowed');
    if (ctx.method !== 'POST' || !ENDPOINTS.has(ctx.path)) return next();
    if (ctx.querystring !== '') return refuse(ctx as never, 'parameters belong into the body');
    if (ctx.path !== '/oauth/introspect' && ctx.is('application/x-www-form-urlencoded')) {
      (ctx.request as { body?: unknown }).body ??= await readForm(ctx);
    }
    return next();
  }) as Middleware as (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;
}

function refuse(ctx: KoaContextWithOIDC, description: string): void {
  ctx.status = 400;
  ctx.set('cache-control', 'no-store');
  ctx.body = { error: 'invalid_request', error_description: description };
}
