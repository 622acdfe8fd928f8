import { LRUCache } from 'lru-cache';
import type { AdapterPayload } from 'oidc-provider';
import type { Client } from '../domain/clients/client.ts';
import type { OperatorCall, TenantCall } from '../kernel/call.ts';
import type { TenantId } from '../kernel/ids.ts';
import { LIMITS } from '../kernel/limits.ts';

/** The client that JSON logins speak through. It is in no table: each tenant has it, and nobody can change it. */
export const FIRST_PARTY_CLIENT = 'gatehouse';
/** The grant type of JSON logins; only our own code, in this process, can use it (oidc/first-party.ts). */
export const FIRST_PARTY_GRANT = 'urn:gatehouse:params:oauth:grant-type:first-party';

/** Metadata of ours that the core carries along. A registration by RFC 7591 cannot set any of it. */
export const OWN_METADATA = [
  'first_party',
  'pkce_required',
  'fapi_profile',
  'legacy_assertions',
  'api_scopes',
  'allowed_origins',
  'allowed_ips',
  'rate_limit_per_minute',
  'resource_servers',
  'client_kind',
  'client_roles',
  'registered',
  'mfa',
  'min_acr',
] as const;

/** What the core reads of a client: RFC 7591 metadata, and `client_secret` as the hashes of all that are good now. */
export function coreMetadata({
  client,
  roles = [],
  secretHashes,
}: {
  client: Client;
  roles?: readonly string[];
  secretHashes: readonly string[];
}): AdapterPayload {
  return {
    ...client.metadata,
    client_id: client.clientId,
    client_name: client.name,
    client_kind: client.kind,
    first_party: client.firstParty,
    registered: client.registered,
    pkce_required: client.pkceRequired,
    legacy_assertions: client.legacyAssertions,
    allowed_origins: client.allowedOrigins,
    allowed_ips: client.allowedIps,
    ...(roles.length > 0 && { client_roles: roles }),
    mfa: client.mfa,
    ...(client.minAcr && { min_acr: client.minAcr }),
    ...(client.profile && { fapi_profile: '2.0' }),
    ...(client.apiScopes && { api_scopes: client.apiScopes }),
    ...(client.rateLimitPerMinute && { rate_limit_per_minute: client.rateLimitPerMinute }),
    ...(secretHashes.length > 0 && { client_secret: secretHashes.join(' ') }),
  };
}

const firstParty: AdapterPayload = {
  client_id: FIRST_PARTY_CLIENT,
  client_name: 'Gatehouse',
  client_kind: 'web',
  first_party: true,
  redirect_uris: [],
  response_types: [],
  grant_types: [FIRST_PARTY_GRANT, 'refresh_token'],
  token_endpoint_auth_method: 'none',
};

type Clients = {
  findForCore(
    call: TenantCall,
    clientId: string,
  ): Promise<{ client: Client; roles: string[]; secretHashes: string[]; secretsUntil: Date | null } | undefined>;
};

/**
 * Clients as the core asks for them, from memory where this node has seen them lately. `forget` is called when the
 * database tells of a change; a load that a change overtook is not kept.
 */
export function createClientSource({ clients }: { clients: Clients }) {
  const cache = new LRUCache<string, Promise<AdapterPayload | undefined>>({ max: LIMITS.clients });
  let generation = 0;

  return {
    find(call: OperatorCall, tenantId: TenantId, clientId: string): Promise<AdapterPayload | undefined> {
      if (clientId === FIRST_PARTY_CLIENT) return Promise.resolve(firstParty);
      const key = `${tenantId}:${clientId}`;
      const known = cache.get(key);
      if (known) return known;
      if (!/^[!-~]{1,128}$/.test(clientId)) return Promise.resolve(undefined);
      const before = generation;
      const loading: Promise<AdapterPayload | undefined> = clients
        .findForCore({ ...call, tenantId }, clientId)
        .then((found) => {
          // What is remembered ends with the first of the secrets in it.
          const left = found?.secretsUntil && found.secretsUntil.getTime() - Date.now();
          if (typeof left === 'number' && cache.peek(key) === loading)
            cache.set(key, loading, { ttl: Math.max(1, left) });
          return found && found.client.status === 'active' ? coreMetadata(found) : undefined;
        });
      cache.set(key, loading);
      loading.then(
        (found) => {
          if (before !== generation || !found) cache.delete(key);
        },
        () => cache.delete(key),
      );
      return loading;
    },

    forget(tenantId?: TenantId, clientId?: string): void {
      generation += 1;
      if (tenantId && clientId) cache.delete(`${tenantId}:${clientId}`);
      else cache.clear();
    },
  };
}

export type ClientSource = ReturnType<typeof createClientSource>;
