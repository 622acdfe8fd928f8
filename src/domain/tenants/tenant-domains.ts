import { inOperatorTransaction, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { canonicalDomain } from '../../kernel/canonical.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { randomToken } from '../../kernel/secret.ts';
import { assertHolds } from '../access/role.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { checkedDomain, type Tenant, type TenantDomain } from './tenant.ts';
import { notFound } from './tenant-change.ts';
import * as domains from './tenant-domain-store.ts';
import * as store from './tenant-store.ts';

/** The hosts that tenants own. Part of the tenant service. */
export function createTenantDomains({ audit }: { audit: AuditService }) {
  return {
    listDomains: (call: TenantCall): Promise<TenantDomain[]> => inTransaction(call, (tx) => domains.list(tx)),

    /** The domains of several tenants, in the caller's transaction. */
    domainsOf: (tx: OperatorCall, tenantIds: readonly TenantId[]) => domains.domainsOf(tx, tenantIds),

    /**
     * Claims a domain, which proves nothing yet. Claiming twice is one claim.
     *
     * @throws Failure `invalid_input`; `conflict` when the tenant claims too many; `privilege_escalation`, here and below,
     *   for a domain of the platform of somebody who is no operator
     */
    async addDomain(call: TenantCall, raw: string): Promise<TenantDomain> {
      const domain = checkedDomain(raw);
      return inTransaction(call, async (tx) => {
        const { slug } = await lockPresent(tx);
        const claimed = await domains.list(tx);
        const known = claimed.find((one) => one.domain === domain);
        if (known) return known;
        if (claimed.length >= LIMITS.tenantDomains)
          throw new Failure('conflict', { problem: 'the tenant has too many domains' });
        const proof = randomToken(PROOF_BYTES);
        await domains.insert(tx, [{ tenantId: tx.tenantId, domain, verified: false, proof }]);
        await audit.record(tx, 'tenant.domain_added', { target: `tenant:${slug}`, details: { domain } });
        return { domain, verifiedAt: null, proof };
      });
    },

    /** A claim, with what is to stand in the DNS. @throws Failure `domain_not_found`, `tenant_not_found` */
    async proofOf(call: TenantCall, raw: string): Promise<TenantDomain> {
      const domain = canonicalDomain(raw) ?? raw;
      return inTransaction(call, async (tx) => {
        await lockPresent(tx);
        return (await claimOf(tx, domain)) ?? noClaim(domain);
      });
    },

    /**
     * Notes that the tenant has proven a domain: its issuer moves there. Verifying twice is one proof.
     *
     * @throws Failure `domain_not_found`; `domain_taken` when another tenant has proven it
     */
    async verifyDomain(call: TenantCall, raw: string): Promise<TenantDomain> {
      const domain = checkedDomain(raw);
      return orTaken(domain, () =>
        inTransaction(call, async (tx) => {
          const { slug } = await lockPresent(tx);
          const known = (await claimOf(tx, domain)) ?? noClaim(domain);
          if (known.verifiedAt) return known;
          await inOperatorTransaction(tx, (all) => domains.takeFromDeleted(all, domain));
          if (!(await domains.verify(tx, domain))) noClaim(domain);
          await audit.record(tx, 'tenant.domain_verified', { target: `tenant:${slug}`, details: { domain } });
          return { ...known, verifiedAt: tx.now };
        }),
      );
    },

    /** Gives up a domain; its issuer goes back to the tenant's path. @throws Failure `domain_not_found` */
    async removeDomain(call: TenantCall, raw: string): Promise<void> {
      const domain = canonicalDomain(raw) ?? raw;
      await inTransaction(call, async (tx) => {
        await lockPresent(tx);
        if (!(await domains.remove(tx, domain))) noClaim(domain);
        await audit.record(tx, 'tenant.domain_removed', { details: { domain } });
      });
    },

    /** Claims of several tenants in one statement, in the caller's transaction. @throws Failure `domain_taken` */
    async addDomains(
      tx: OperatorCall,
      claims: readonly { tenantId: TenantId; domain: string; verified: boolean }[],
    ): Promise<void> {
      await orTaken(claims.map(({ domain }) => domain).join(', '), () =>
        domains.insert(
          tx,
          claims.map((claim) => ({ ...claim, proof: randomToken(PROOF_BYTES) })),
        ),
      );
      await audit.recordAll(
        tx,
        claims.map(({ tenantId, domain, verified }) => ({
          tenantId,
          action: 'tenant.domain_added',
          details: { domain, verified },
        })),
      );
    },
  };
}

const PROOF_BYTES = 21;

const claimOf = async (tx: TenantCall, domain: string): Promise<TenantDomain | undefined> =>
  (await domains.list(tx)).find((one) => one.domain === domain);

function noClaim(domain: string): never {
  throw new Failure('domain_not_found', { domain });
}

/** Holds a tenant that is there. @throws Failure `tenant_not_found` */
/** Operators sign in, and get their links, where the platform's issuer is: nobody else moves it. */
async function lockPresent(tx: TenantCall): Promise<Tenant> {
  const tenant = await store.lock(tx);
  if (!tenant || tenant.status === 'deleted') return notFound(tx.tenantId);
  if (tenant.type === 'platform') assertHolds(tx.actor, ['iam.tenants:write']);
  return tenant;
}

async function orTaken<T>(domain: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { constraint?: string }).constraint === 'tenant_domains_verified')
      throw new Failure('domain_taken', { domain });
    throw error;
  }
}
