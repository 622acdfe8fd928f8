import { type Client, errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider';
import type { DirectoryTenant } from '../domain/tenants/tenant-directory.ts';
import { FIRST_PARTY_CLIENT } from './client-source.ts';
import { isHousePages } from './house-clients.ts';

/** Our own API of a tenant, as a resource (RFC 8707). */
export const ownApi = (issuer: string) => `${issuer}/api`;

/**
 * What a token for `resource` may carry: an API that the tenant has registered, its scopes cut down to those of the
 * client. Where a client asks for no scope with its own credentials, it gets all it may have.
 */
export function resourceServer(tenant: DirectoryTenant, issuer: string) {
  const apis = new Map(tenant.apis.map((api) => [api.identifier, api]));
  return async (ctx: KoaContextWithOIDC, resource: string, client: Client): Promise<ResourceServer> => {
    if (resource === ownApi(issuer)) return own(tenant, issuer, client, ctx.oidc.params?.['grant_type']);
    const api = apis.get(resource);
    if (!api) throw new errors.InvalidTarget();
    const allowed = client['api_scopes'] as readonly string[] | undefined;
    const scope = api.scopes.filter((name) => !allowed || allowed.includes(name)).join(' ');
    const { params } = ctx.oidc;
    if (params?.['grant_type'] === 'client_credentials' && params['scope'] === undefined && scope)
      params['scope'] = scope;
    const common = { scope, audience: api.identifier, accessTokenTTL: api.accessTokenSeconds };
    return api.accessTokenFormat === 'jwt'
      ? { ...common, accessTokenFormat: 'jwt', jwt: { sign: { alg: api.signingAlg } } }
      : { ...common, accessTokenFormat: 'opaque' };
  };
}

/** Our API is for people through our own ways in, and for machines by their own credentials, whose roles say what they may. */
function own(tenant: DirectoryTenant, issuer: string, client: Client, grantType: unknown): ResourceServer {
  const isOurs = client.clientId === FIRST_PARTY_CLIENT || isHousePages(client.clientId);
  if (!isOurs && grantType !== 'client_credentials') throw new errors.InvalidTarget();
  return {
    scope: 'account',
    audience: ownApi(issuer),
    accessTokenTTL: tenant.settings.tokens.accessTokenSeconds,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: tenant.settings.tokens.signingAlg } },
  };
}
