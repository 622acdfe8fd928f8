import type { Context } from 'koa';
import { permissionsOfRoles } from '../../domain/access/role.ts';
import { KEY_PREFIX } from '../../domain/api-keys/api-key.ts';
import type { ApiKeyService } from '../../domain/api-keys/api-key-service.ts';
import type { Bearer, Tokens } from '../../domain/sign-in/tokens.ts';
import type { DirectoryTenant, TenantDirectory } from '../../domain/tenants/tenant-directory.ts';
import { valuesOf } from '../../http/header-values.ts';
import type { RateLimiter } from '../../http/rate-limit.ts';
import { networkOf } from '../../kernel/address.ts';
import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { tenantIds } from './ids.ts';
import { KEY_GUESSES } from './rates.ts';

export type CallerDeps = {
  tokens: Pick<Tokens, 'verify'>;
  apiKeys: Pick<ApiKeyService, 'verify'>;
  /** Counts keys that open nothing, whatever a gateway does. */
  guesses: Pick<RateLimiter, 'spend' | 'standing'>;
  directory: Pick<TenantDirectory, 'byId' | 'bySlug' | 'byDomain'>;
  /** Host and port of PUBLIC_URL, which names no tenant. */
  publicHost: string;
};

type Caller = Pick<TenantCall, 'tenantId' | 'actor'>;

const SLUG = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

export const TENANT_PARAMETERS = [
  { in: 'header', name: 'X-Tenant-Id', description: 'The tenant, as `ten_…`.' },
  { in: 'header', name: 'X-Tenant-Slug', description: 'The tenant, by its slug.' },
  { in: 'query', name: 'tenant', description: 'The tenant, by its slug or as `ten_…`.' },
] as const;

/**
 * Tells who calls, and in which tenant. A tenant may be named by the host (a tenant's own domain), two headers and a
 * query parameter; all that name one must name the same. A tenant that is not there, that is suspended, and one that is
 * not the token's are answered alike.
 */
export function createCaller({ tokens, apiKeys, guesses, directory, publicHost }: CallerDeps) {
  const byText = async (call: OperatorCall, text: string): Promise<DirectoryTenant | undefined> => {
    const id = tenantIds.decode(text);
    if (id) return directory.byId(call, id);
    return text.length <= LIMITS.slugChars && SLUG.test(text) ? directory.bySlug(call, text) : undefined;
  };

  async function tenantOf(ctx: Context, call: OperatorCall): Promise<TenantId | undefined> {
    const host = ctx.req.headers.host?.toLowerCase() ?? publicHost;
    const byHost = host === publicHost ? undefined : await directory.byDomain(call, host.replace(/:\d+$/, ''));
    const texts = [ctx.headers['x-tenant-id'], ctx.headers['x-tenant-slug'], ctx.query['tenant']];
    const hints = texts.filter((text): text is string | string[] => text !== undefined);
    const named = await Promise.all(hints.map((hint) => (typeof hint === 'string' ? byText(call, hint) : undefined)));
    const tenants = byHost ? [byHost, ...named] : named;
    const [first] = tenants;
    if (tenants.some((tenant) => !tenant?.isActive || tenant.id !== first?.id)) throw new Failure('cross_tenant');
    return first?.id;
  }

  async function callerOf(ctx: Context, call: OperatorCall): Promise<TenantCall> {
    return { ...call, ...(await shownBy(ctx, call)) };
  }

  function shownBy(ctx: Context, call: OperatorCall): Promise<Caller> {
    const key = apiKeyOf(ctx);
    if (key !== undefined) return byKey(call, key);
    const token = bearerToken(ctx);
    return token.startsWith(KEY_PREFIX) ? byKey(call, token) : byToken(call, token);
  }

  /** Who has guessed too often is not even looked at. */
  async function byKey(call: OperatorCall, key: string): Promise<Caller> {
    const who = networkOf(call.origin?.ip ?? '');
    const standing = guesses.standing(KEY_GUESSES, who);
    if (standing?.remaining === 0) throw new Failure('rate_limited', { retryAfter: standing.resetSeconds });
    try {
      return await apiKeys.verify(call, key);
    } catch (error) {
      if (error instanceof Failure && error.code === 'unauthenticated') await guesses.spend(KEY_GUESSES, who);
      throw error;
    }
  }

  async function byToken(call: OperatorCall, token: string): Promise<Caller> {
    const bearer = await tokens.verify(call, token);
    const { tenantId, roles } = bearer;
    const permissions = permissionsOf(bearer);
    if ('clientId' in bearer) return { tenantId, actor: { kind: 'client', clientId: bearer.clientId, permissions } };
    const { userId, sessionUid } = bearer;
    return { tenantId, actor: { kind: 'user', userId, sessionUid, roles, permissions } };
  }

  return { tenantOf, callerOf };
}

/**
 * The key of `X-API-Key`; undefined where there is none.
 *
 * @throws Failure `invalid_input` where the request says twice who calls; `unauthenticated` for two keys
 */
function apiKeyOf({ req }: Context): string | undefined {
  const [key, ...more] = valuesOf(req, 'x-api-key');
  if (key === undefined) return undefined;
  if (valuesOf(req, 'authorization').length > 0)
    throw new Failure('invalid_input', { field: 'X-API-Key', problem: 'cannot come with Authorization' });
  if (more.length > 0) throw new Failure('unauthenticated');
  return key;
}

/** @throws Failure `unauthenticated` for none, another scheme, or two (RFC 6750 §2) */
function bearerToken({ req }: Context): string {
  const given = valuesOf(req, 'authorization');
  const [, token] =
    /^Bearer +([\w.~+/-]+=*)$/i.exec(
      given.length === 1 && given[0]!.length <= LIMITS.accessTokenChars ? given[0]! : '',
    ) ?? [];
  if (!token) throw new Failure('unauthenticated');
  return token;
}

/** What system roles allow stands in the code; what the tenant's own roles allow came with the token's session. */
function permissionsOf({ roles, permissions }: Bearer): readonly string[] {
  const system = permissionsOfRoles(roles.map((name) => ({ name, permissions: [] })));
  return permissions.length === 0 ? system : [...new Set([...system, ...permissions])];
}
