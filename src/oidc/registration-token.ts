import { Failure } from '../kernel/failure.ts';
import type { TenantId } from '../kernel/ids.ts';
import { LIMITS } from '../kernel/limits.ts';
import type { Issuers } from './issuers.ts';

/**
 * A token with which applications register themselves at a tenant (RFC 7591 §3), for `seconds` (a week) and as often as
 * the tenant has room. It is told here and never again.
 *
 * @throws Failure `tenant_not_found`; `conflict` where the tenant does not let applications register (its setting
 *   `registration.dynamicClients`)
 */
export async function issueInitialAccessToken(
  { issuers }: { issuers: Pick<Issuers, 'byTenant' | 'inScope'> },
  tenantId: TenantId,
  seconds: number = LIMITS.initialAccessTokenSeconds,
): Promise<string> {
  const issuer = await issuers.byTenant(tenantId);
  if (!issuer) throw new Failure('tenant_not_found', { tenantId });
  if (!issuer.tenant.settings.registration.dynamicClients)
    throw new Failure('conflict', { problem: 'the tenant does not let applications register' });
  return issuers.inScope(issuer, () =>
    new issuer.provider.InitialAccessToken({
      policies: ['tenant'],
      expiresIn: seconds,
    }).save(),
  );
}
