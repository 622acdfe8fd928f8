import type { TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { equalSecrets } from '../../kernel/secret.ts';
import { isLoopbackHost } from '../../kernel/text.ts';
import { checkedDomain, type TenantDomain } from './tenant.ts';
import type { TenantService } from './tenant-service.ts';

/** Where the DNS of a domain says whose it is, and what it says there. */
export const proofRecord = ({ domain, proof }: Pick<TenantDomain, 'domain' | 'proof'>) => ({
  name: `_gatehouse.${domain}`,
  value: `gatehouse-verification=${proof}`,
});

export type DomainProofDeps = {
  tenants: Pick<TenantService, 'addDomain' | 'proofOf' | 'verifyDomain'>;
  /** The texts of a name in the DNS; undefined when nobody answers. */
  resolveTexts(name: string): Promise<readonly string[] | undefined>;
  /** Our own host, which no tenant has. */
  publicHost: string;
};

/** How tenants prove domains themselves. An operator vouches for one by a file of tenants. */
export function createDomainProofs({ tenants, resolveTexts, publicHost }: DomainProofDeps) {
  return {
    /**
     * Claims a domain for the call's tenant, which proves nothing yet. Claiming twice is one claim.
     *
     * @throws Failure `invalid_input` for what is no domain that could be a tenant's; `conflict` when it claims too many
     */
    async claim(call: TenantCall, raw: string): Promise<TenantDomain> {
      const domain = checkedDomain(raw);
      if (domain === publicHost || isLoopbackHost(domain))
        throw new Failure('invalid_input', { field: 'domain', problem: 'is not to be had' });
      return tenants.addDomain(call, domain);
    },

    /**
     * Looks into the DNS for the proof, and notes it: the tenant's issuer moves to the domain. One that is proven stays so,
     * whatever the DNS says by now. While the DNS is asked no connection is held.
     *
     * @throws Failure `domain_not_found`; `domain_unproven` when the record is not there or nobody answers; `domain_taken`
     *   when another tenant has proven it
     */
    async prove(call: TenantCall, raw: string): Promise<TenantDomain> {
      const claim = await tenants.proofOf(call, raw);
      if (claim.verifiedAt) return claim;
      const { name, value } = proofRecord(claim);
      const texts = await resolveTexts(name);
      if (!texts?.some((text) => equalSecrets(text, value)))
        throw new Failure('domain_unproven', {
          name,
          problem: texts ? 'has no such TXT record' : 'was not answered for',
        });
      return tenants.verifyDomain(call, claim.domain);
    },
  };
}

export type DomainProofService = ReturnType<typeof createDomainProofs>;
