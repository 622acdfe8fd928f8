import { z } from 'zod';
import { proofRecord } from '../../domain/tenants/domain-proof.ts';
import type { TenantDomain } from '../../domain/tenants/tenant.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { time } from './fields.ts';
import { tenantIds } from './ids.ts';
import { DOMAIN_RATE } from './rates.ts';
import { callAt, exampleTenant, tenantId } from './tenant-body.ts';

const name = z.string().min(1).max(LIMITS.domainChars);
const domainId = tenantId.extend({ domain: name });

const domainBody = z.object({
  domain: z.string(),
  status: z.enum(['pending', 'verified']),
  verifiedAt: time.nullable(),
  record: z.object({ type: z.literal('TXT'), name: z.string(), value: z.string() }),
});

const presentDomain = (domain: TenantDomain): z.input<typeof domainBody> => ({
  domain: domain.domain,
  status: domain.verifiedAt ? 'verified' : 'pending',
  verifiedAt: domain.verifiedAt?.toISOString() ?? null,
  record: { type: 'TXT', ...proofRecord(domain) },
});

const exampleDomain: z.input<typeof domainBody> = {
  domain: 'login.acme.example',
  status: 'pending',
  verifiedAt: null,
  record: {
    type: 'TXT',
    name: '_gatehouse.login.acme.example',
    value: 'gatehouse-verification=Wn8y3VxkQ2mR7tLcJp0ZsA4hEuBf',
  },
};
const verified = { ...exampleDomain, status: 'verified' as const, verifiedAt: '2026-01-01T12:00:00.000Z' };
const ofTenant = { params: { id: exampleTenant.id } };
const one = { params: { ...ofTenant.params, domain: exampleDomain.domain } };

export const domains = operation({
  method: 'GET',
  path: '/api/v1/tenants/:id/domains',
  summary: 'List the domains of a tenant',
  access: 'tenant-admin',
  params: tenantId,
  answers: { 200: z.object({ data: z.array(domainBody) }) },
  failures: ['tenant_not_found'],
  example: { ...ofTenant, answer: { data: [exampleDomain] } },
  async handle({ call, params, answer }, { tenants }) {
    const at = callAt(call, params.id);
    await tenants.get(at, params.id);
    return answer(200, { data: (await tenants.listDomains(at)).map(presentDomain) });
  },
});

export const claimDomain = operation({
  method: 'POST',
  path: '/api/v1/tenants/:id/domains',
  summary: 'Claim a domain',
  description: `Claiming proves nothing and keeps nobody else from it. Put \`record\` into the DNS of the domain, then verify. Claiming again shows the same record. ${LIMITS.tenantDomains} domains at most.`,
  access: 'tenant-admin',
  params: tenantId,
  body: z.strictObject({ domain: name }),
  answers: { 201: domainBody },
  failures: ['tenant_not_found', 'conflict', 'privilege_escalation'],
  idempotent: 'honoured',
  example: { ...ofTenant, body: { domain: exampleDomain.domain }, answer: exampleDomain },
  async handle({ call, params, body, answer }, { domainProofs }) {
    const claimed = await domainProofs.claim(callAt(call, params.id), body.domain);
    const location = `/api/v1/tenants/${tenantIds.encode(params.id)}/domains`;
    return answer(201, presentDomain(claimed), { location });
  },
});

export const verifyDomain = operation({
  method: 'POST',
  path: '/api/v1/tenants/:id/domains/:domain/verify',
  summary: 'Verify a domain by its TXT record',
  description:
    'From then on the domain is an issuer of the tenant, and no other tenant can verify it. One that is verified stays so until it is given up.',
  access: 'tenant-admin',
  params: domainId,
  answers: { 200: domainBody },
  failures: ['domain_not_found', 'tenant_not_found', 'domain_unproven', 'domain_taken', 'privilege_escalation'],
  rate: [DOMAIN_RATE],
  example: { ...one, answer: verified },
  handle: async ({ call, params, answer }, { domainProofs }) =>
    answer(200, presentDomain(await domainProofs.prove(callAt(call, params.id), params.domain))),
});

export const deleteDomain = operation({
  method: 'DELETE',
  path: '/api/v1/tenants/:id/domains/:domain',
  summary: 'Give a domain up',
  description: 'Its issuer is gone at once, with the tokens and sessions that name it.',
  access: 'tenant-admin',
  params: domainId,
  answers: { 204: null },
  failures: ['domain_not_found', 'tenant_not_found', 'privilege_escalation'],
  example: one,
  async handle({ call, params, answer }, { tenants }) {
    await tenants.removeDomain(callAt(call, params.id), params.domain);
    return answer(204, null);
  },
});
