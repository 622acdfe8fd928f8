import type { Context, Middleware } from 'koa';
import { readForm } from '../http/form-body.ts';
import type { TenantId } from '../kernel/ids.ts';
import { grantModelStore } from './grant-model-store.ts';
import { asStoredToken, type JwtReader } from './jwt-tokens.ts';
import { currentScope } from './request-scope.ts';

export type IntrospectionOptions = {
  tenantId: TenantId;
  read: JwtReader;
  /** Whether the client a machine's token was issued to is still there. */
  isClient(clientId: string): Promise<boolean>;
};

/**
 * Introspection (RFC 7662) of JWT access tokens. The core refuses them; here a valid one is put in the place of a stored
 * token, and the core then judges client, grant and session as for any other. So a revoked grant is seen at once.
 */
export function introspectJwts(options: IntrospectionOptions): Middleware {
  return async (ctx: Context, next) => {
    if (ctx.method !== 'POST' || ctx.path !== '/oauth/introspect') return next();
    const form = await readForm(ctx);
    const token = form['token'];
    if (typeof token === 'string' && token.startsWith('ey') && token.split('.').length === 3) {
      form['token'] = (await standInFor(token, options)) ?? 'not-a-token-of-ours';
      form['token_type_hint'] = 'access_token';
    }
    (ctx.request as { body?: unknown }).body = form;
    return next();
  };
}

async function standInFor(
  token: string,
  { tenantId, read, isClient }: IntrospectionOptions,
): Promise<string | undefined> {
  const claims = await read(token);
  if (!claims) return undefined;
  const standIn = asStoredToken(claims);
  if (standIn.model === 'ClientCredentials') {
    if (!(await isClient(standIn.payload.clientId as string))) return undefined;
  } else {
    // A pairwise client's token names another subject than the account; its grant knows the account.
    const grant = await grantModelStore(tenantId).find(standIn.payload.grantId as string);
    if (!grant) return undefined;
    standIn.payload.accountId = grant.accountId as string;
  }
  currentScope().standIn = standIn;
  return standIn.id;
}
