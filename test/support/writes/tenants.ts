import { expect } from 'chai';
import type { Send } from '../api.ts';
import { answerTexts } from '../dns-server.ts';
import { aSlug } from '../rooms.ts';
import type { SignedIn } from '../v1.ts';
import type { Maker } from './write.ts';

/** Of what is done to tenants, by operators and by their own administrators. */
export const TENANT_WRITES: Record<string, Maker> = {
  createTenant: {
    make: () => ({ body: { name: 'Acme', slug: aSlug(), type: 'customer', country: 'GB' } }),
    leaves: ['tenant.created'],
  },
  updateTenant: {
    make: ({ tokens }) => ({ params: { id: tokens.user.tenantId }, body: { name: 'Acme Clinics' } }),
    leaves: ['tenant.updated'],
  },
  deleteTenant: { make: async ({ as }) => ({ params: { id: await aTenantBy(as) } }), leaves: ['tenant.deleted'] },
  updateTenantSettings: {
    make: ({ tokens }) => ({ params: { id: tokens.user.tenantId }, body: { locale: 'fr' } }),
    leaves: ['tenant.settings_updated'],
  },
  claimDomain: {
    make: ({ tokens }) => ({ params: { id: tokens.user.tenantId }, body: { domain: `${aSlug()}.example` } }),
    leaves: ['tenant.domain_added'],
  },
  verifyDomain: {
    make: async (owner) => {
      const { domain, record } = await aClaimBy(owner);
      answerTexts(record.name, [[record.value]]);
      return { params: { id: owner.tokens.user.tenantId, domain } };
    },
    leaves: ['tenant.domain_verified'],
  },
  deleteDomain: {
    make: async (owner) => ({ params: { id: owner.tokens.user.tenantId, domain: (await aClaimBy(owner)).domain } }),
    leaves: ['tenant.domain_removed'],
  },
  // One for each algorithm.
  rotateKeys: {
    make: async ({ as }) => {
      expect((await as('GET', '/api/v1/keys')).status).to.equal(200);
      return {};
    },
    leaves: ['signing_key.published', 'signing_key.published'],
  },
  restoreTenant: {
    make: async ({ as }) => {
      const id = await aTenantBy(as);
      expect((await as('DELETE', `/api/v1/tenants/${id}`)).status).to.equal(204);
      return { params: { id } };
    },
    leaves: ['tenant.restored'],
  },
};

/** A domain that a tenant has just claimed. */
export async function aClaimBy({ as, tokens }: Pick<SignedIn, 'as' | 'tokens'>) {
  const body = { domain: `${aSlug()}.example` };
  const answer = await as('POST', `/api/v1/tenants/${tokens.user.tenantId}/domains`, { body });
  expect(answer.status, answer.text).to.equal(201);
  return answer.body as { domain: string; record: { name: string; value: string } };
}

/** A tenant that an operator has just made. */
export async function aTenantBy(as: Send): Promise<string> {
  const body = { name: 'Acme', slug: aSlug(), type: 'customer', country: 'GB' };
  return (await as('POST', '/api/v1/tenants', { body })).body.id;
}
