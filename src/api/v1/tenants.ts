import { z } from 'zod';
import { type Tenant, versionOfTenant } from '../../domain/tenants/tenant.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation, type UserCall } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { search } from './fields.ts';
import { tenantIds } from './ids.ts';
import { country } from './node-body.ts';
import {
  assertForOperators,
  callAt,
  config,
  exampleTenant,
  presentTenant,
  slug,
  tenantBody,
  tenantId,
  tenantName,
  tenantType,
} from './tenant-body.ts';

const one = { params: { id: exampleTenant.id } };
const status = z.enum(['active', 'suspended']);

type Counted = { tenants: { userCount(call: UserCall, id: Tenant['id']): Promise<number> } };
const counted = async (call: UserCall, tenant: Tenant, { tenants: all }: Counted) =>
  presentTenant({ ...tenant, userCount: await all.userCount(call, tenant.id) });

export const listTenants = operation({
  method: 'GET',
  path: '/api/v1/tenants',
  summary: 'List the tenants',
  description:
    'In pages by slug. `search` looks into slug and name. Deleted tenants are listed by `status=deleted` alone, as long as they can be restored.',
  access: 'super',
  query: z.strictObject({
    ...pageFields,
    type: z.enum(['platform', ...tenantType.options]).optional(),
    status: z.enum([...status.options, 'deleted']).optional(),
    search: search.optional(),
  }),
  answers: { 200: pageBody(tenantBody) },
  failures: [],
  example: { answer: { data: [exampleTenant], page: 1, pageSize: 50, total: 1 } },
  handle: async ({ call, query, answer }, { tenants: all }) =>
    answer(200, presentPage(await all.list(call, query), presentTenant)),
});

export const createTenant = operation({
  method: 'POST',
  path: '/api/v1/tenants',
  summary: 'Make a tenant',
  description: `With its keys, its system roles and the root of its organisation tree. Without \`slug\` it gets one after its name. A slug is never given twice, not even after its tenant’s end. \`config\` has ${LIMITS.tenantConfigBytes / 1024} KiB and ${LIMITS.tenantConfigDepth} levels at most.`,
  access: 'super',
  body: z.strictObject({
    name: tenantName,
    slug: slug.optional(),
    type: tenantType,
    country,
    config: config.optional(),
  }),
  answers: { 201: tenantBody },
  failures: ['slug_taken'],
  idempotent: 'honoured',
  example: {
    body: { name: 'Acme Clinics', slug: 'acme', type: 'customer', country: 'GB', config: { region: 'north' } },
    answer: exampleTenant,
  },
  async handle({ call, body, answer }, { tenants: all }) {
    const tenant = await all.create(call, body);
    const location = `/api/v1/tenants/${tenantIds.encode(tenant.id)}`;
    return answer(201, presentTenant({ ...tenant, userCount: 0 }), { version: versionOfTenant(tenant), location });
  },
});

export const getTenant = operation({
  method: 'GET',
  path: '/api/v1/tenants/:id',
  summary: 'See a tenant',
  description: 'One’s own; operators see every tenant. `userCount` is of those who are not gone for good.',
  access: 'tenant-admin',
  params: tenantId,
  answers: { 200: tenantBody },
  failures: ['tenant_not_found'],
  versioned: true,
  example: { ...one, answer: exampleTenant },
  async handle({ call, params, answer }, services) {
    const tenant = await services.tenants.get(callAt(call, params.id), params.id);
    return answer(200, await counted(call, tenant, services), { version: versionOfTenant(tenant) });
  },
});

export const updateTenant = operation({
  method: 'PATCH',
  path: '/api/v1/tenants/:id',
  summary: 'Change a tenant, suspend it or open it again',
  description:
    'What is left out stays; `config` is replaced as a whole. `slug`, `type` and `status` are for operators: 403 for anybody else. A suspended tenant lets nobody in, and every token of it ends at once. Another slug moves the issuer: tokens, sessions and applications that name the old one are of no use, and nobody ever gets it again. The platform tenant keeps its slug and type, and cannot be suspended.',
  access: 'tenant-admin',
  params: tenantId,
  body: z.strictObject({
    name: tenantName.optional(),
    slug: slug.optional(),
    type: tenantType.optional(),
    country: country.nullable().optional(),
    status: status.optional(),
    config: config.optional(),
  }),
  answers: { 200: tenantBody },
  failures: ['tenant_not_found', 'slug_taken', 'conflict'],
  versioned: true,
  example: { ...one, body: { name: 'Acme Clinics' }, answer: exampleTenant },
  async handle({ call, params, body, expected, answer }, services) {
    const at = callAt(call, params.id);
    assertForOperators(call, body, ['slug', 'type', 'status']);
    const tenant = await services.tenants.update(at, body, expected);
    return answer(200, await counted(at, tenant, services), { version: versionOfTenant(tenant) });
  },
});

export const deleteTenant = operation({
  method: 'DELETE',
  path: '/api/v1/tenants/:id',
  summary: 'Delete a tenant',
  description: `All of it refuses from now on, as if it had never been there. It can be restored for ${LIMITS.tenantRestoreDays} days; then it is erased, within a day. Its slug stays taken. The platform tenant cannot be deleted.`,
  access: 'super',
  params: tenantId,
  answers: { 204: null },
  failures: ['tenant_not_found', 'conflict'],
  versioned: true,
  example: one,
  async handle({ call, params, expected, answer }, services) {
    await services.tenants.remove(callAt(call, params.id), expected);
    return answer(204, null);
  },
});

export const restoreTenant = operation({
  method: 'POST',
  path: '/api/v1/tenants/:id/restore',
  summary: 'Restore a deleted tenant',
  description: 'As it was: one that was suspended is suspended. Everybody has to sign in again.',
  access: 'super',
  params: tenantId,
  answers: { 200: tenantBody },
  failures: ['tenant_not_found'],
  idempotent: 'honoured',
  example: { ...one, answer: exampleTenant },
  async handle({ call, params, answer }, services) {
    const at = callAt(call, params.id);
    const tenant = await services.tenants.restore(at);
    return answer(200, await counted(at, tenant, services), { version: versionOfTenant(tenant) });
  },
});
