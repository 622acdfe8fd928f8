import type { Middleware } from 'koa';
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { readForm } from '../http/form-body.ts';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import { isHousePages } from './house-clients.ts';

const ENDPOINTS = new Set(['/oauth/token', '/oauth/introspect', '/oauth/revoke', '/oauth/par', '/oauth/device']);
const FORMS = new Set([...ENDPOINTS, '/device']);

/**
 * What is refused before the core looks: parameters of a POST endpoint in its URL (they would land in logs), a body that
 * is not one plain form, and characters that no parameter may hold and no database would keep.
 */
export function guardRequests() {
  return (async (ctx, next) => {
    if (/%00/i.test(ctx.querystring))
      return refuse(ctx as never, 400, 'parameters hold a character that is not allowed');
    if (ctx.path === '/oauth/authorize') assertScope(ctx.query['scope']);
    if (ctx.method !== 'POST' || !FORMS.has(ctx.path)) return next();
    if (ctx.querystring !== '' && ENDPOINTS.has(ctx.path))
      return refuse(ctx as never, 400, 'parameters belong into the body');
    try {
      const form = await readForm(ctx);
      assertScope(form['scope']);
      // The clients of our own pages are spoken for inside the process, where a request has no origin.
      if (isHousePages(form['client_id']) && ctx.state['origin'] !== undefined)
        return refuse(ctx as never, 400, 'the client is used inside of the house only', 'unauthorized_client');
      (ctx.request as { body?: unknown }).body = form;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const status = { too_large: 413, unsupported_media: 415 }[error.code as string] ?? 400;
      return refuse(ctx as never, status, String(error.details['problem'] ?? error.message));
    }
    return next();
  }) as Middleware as (ctx: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>;
}

/** Each word of a scope costs look-ups, in requests that prove nothing. */
function assertScope(scope: unknown): void {
  if (typeof scope === 'string' && scope.length > LIMITS.scopeChars)
    throw new errors.InvalidScope('scope is too long', '');
}

function refuse(ctx: KoaContextWithOIDC, status: number, description: string, error = 'invalid_request'): void {
  ctx.status = status;
  ctx.set('cache-control', 'no-store');
  ctx.body = { error, error_description: description };
}
