import type { Rooms } from './domain/services.ts';
import type { DirectoryTenant } from './domain/tenants/tenant-directory.ts';
import type { House } from './house.ts';
import { createRateLimiter } from './http/rate-limit.ts';
import type { TenantCall } from './kernel/call.ts';
import type { TenantId } from './kernel/ids.ts';
import { LIMITS } from './kernel/limits.ts';
import { createAddressCheck } from './oidc/client-addresses.ts';
import { createCertificateReader } from './oidc/client-certificate.ts';
import { createClientSource } from './oidc/client-source.ts';
import { type CorePages, refuseMetadata } from './oidc/features.ts';
import { createIssuers } from './oidc/issuers.ts';
import { type OwedLogout, sendLogout } from './oidc/logout-delivery.ts';
import { createTokens } from './oidc/tokens.ts';

/** The certified core, joined to the rooms: where it finds clients, and whom it tells what it does. */
export function createCore(house: House, pages: CorePages) {
  const { config, db, log, services, directory, egress } = house;
  const clients = createClientSource({ clients: services.clients });
  house.changes.on('client:', (topic) => {
    const [, tenantId, ...clientId] = topic?.split(':') ?? [];
    clients.forget(tenantId as TenantId | undefined, clientId.join(':') || undefined);
  });
  const callOf = (tenant: DirectoryTenant): TenantCall => ({ ...house.operator('oidc'), tenantId: tenant.id });

  const issuers = createIssuers({
    db,
    log,
    directory,
    clients,
    pages,
    publicUrl: new URL(config.PUBLIC_URL),
    platformSlug: config.PLATFORM_SLUG,
    signingKeys: services.signingKeys,
    sessions: services.sessions,
    secondFactorOf: (tenant, userId, mfa, cookie) =>
      services.signIn.secondFactorOf(callOf(tenant), userId, mfa, cookie),
    dutiesOf: (tenant, userId) => services.signIn.dutiesOf(callOf(tenant), userId, tenant.settings),
    refreshGrace: config.REFRESH_REUSE_GRACE,
    egress: egress.fetch as typeof fetch,
    certificateOf: createCertificateReader(config.TRUSTED_PROXIES),
    assertClientAddress: createAddressCheck(),
    refuseMetadata,
    registry: registryOf(services, callOf, clients.forget),
    registrationOf: (tenant) => ({
      assertUrl: (url) => egress.assertUrl(url),
      hasRoom: async () => (await services.clients.countRegistered(callOf(tenant))) < LIMITS.registeredClients,
    }),
    metrics: house.metrics,
    // Guesses are counted whatever a gateway does: RATE_LIMITS is about the API's own limits.
    rates: createRateLimiter({ counters: house.counters, log }),
    auditRefusal(tenant, action, details) {
      services.audit
        .recordRefusal(callOf(tenant), action, { details: details as Record<string, unknown> })
        .catch((error: unknown) => log.error({ err: error }, 'a refusal was not written to the audit trail'));
    },
  });
  const tokens = createTokens({ issuers });

  return {
    issuers,
    tokens,
    /**
     * Delivers one logout that is owed (OIDC Back-Channel Logout 1.0). Throws when the relying party did not take it.
     *
     * @returns why nobody ever will, where that is so
     */
    async deliverLogout(tenantId: TenantId, owed: OwedLogout, signal: AbortSignal): Promise<string | undefined> {
      const issuer = await issuers.ofSession(tenantId, owed.iss ?? undefined);
      if (!issuer) return 'the tenant is gone';
      return issuers.inScope(issuer, () => sendLogout(issuer.provider, egress, owed, signal));
    },
  };
}

export type Core = ReturnType<typeof createCore>;

/** Clients that register themselves are the only ones the core writes. */
function registryOf(
  { clients }: Rooms,
  callOf: (tenant: DirectoryTenant) => TenantCall,
  forget: (tenantId: TenantId, clientId: string) => void,
) {
  return {
    async save(tenant: DirectoryTenant, metadata: object) {
      await clients.saveRegistered(callOf(tenant), metadata as Record<string, unknown>);
      forget(tenant.id, String((metadata as { client_id?: unknown }).client_id));
    },
    async remove(tenant: DirectoryTenant, clientId: string) {
      await clients.remove(callOf(tenant), clientId);
      forget(tenant.id, clientId);
    },
  };
}
