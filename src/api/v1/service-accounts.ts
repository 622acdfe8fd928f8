import { z } from 'zod';
import type { ServiceAccount } from '../../domain/clients/service-account.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { time } from './fields.ts';
import { tenantIds } from './ids.ts';
import { description } from './role-body.ts';

const accountId = z.string().regex(/^svc_[0-7][0-9A-HJKMNP-TV-Z]{25}$/, 'must be svc_ and a ULID');
const one = z.strictObject({ id: accountId });

const accountBody = z.object({
  id: accountId,
  clientId: accountId,
  tenantId: tenantIds.text,
  name: z.string(),
  description: z.string().nullable(),
  status: z.enum(['active', 'disabled']),
  scopes: z.array(z.string()),
  createdAt: time,
});

const presentAccount = (account: ServiceAccount): z.input<typeof accountBody> => ({
  ...account,
  id: account.clientId,
  tenantId: tenantIds.encode(account.tenantId),
  scopes: [...account.scopes],
  createdAt: account.createdAt.toISOString(),
});

const exampleAccount: z.input<typeof accountBody> = {
  id: 'svc_01HZX3F5T8Q2M4N6P7R9S0V1WC',
  clientId: 'svc_01HZX3F5T8Q2M4N6P7R9S0V1WC',
  tenantId: 'ten_01HZX3F5T8Q2M4N6P7R9S0V1W3',
  name: 'Billing',
  description: 'Reads who works where, once a night.',
  status: 'active',
  scopes: ['iam.nodes:read'],
  createdAt: '2026-01-01T12:00:00.000Z',
};
const exampleId = { id: exampleAccount.id };
const exampleSecret = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo';

export const listServiceAccounts = operation({
  method: 'GET',
  path: '/api/v1/service-accounts',
  summary: 'List service accounts',
  description: 'Of all tenants, the newest first, without secrets.',
  access: 'super',
  query: z.strictObject(pageFields),
  answers: { 200: pageBody(accountBody) },
  failures: [],
  example: { answer: { data: [exampleAccount], page: 1, pageSize: 50, total: 1 } },
  handle: async ({ call, query, answer }, { serviceAccounts }) =>
    answer(200, presentPage(await serviceAccounts.list(call, query), presentAccount)),
});

export const createServiceAccount = operation({
  method: 'POST',
  path: '/api/v1/service-accounts',
  summary: 'Make a service account',
  description:
    'A client of kind `service` in `tenantId`, or in the operator’s own tenant; `clientSecret` is shown this once. It gets its tokens at the token endpoint of that tenant with `grant_type=client_credentials`. Of `scopes`, those that are permissions (`area.thing:verb`) are what it may do at this API; all are what it may ask of the tenant’s APIs.',
  access: 'super',
  body: z.strictObject({
    name: z
      .string()
      .min(1)
      .max(LIMITS.nameChars * 2),
    tenantId: tenantIds.schema.optional(),
    scopes: z.array(z.string().min(1).max(LIMITS.permissionChars)).max(LIMITS.rolePermissions),
    description: description.nullable().optional(),
  }),
  answers: { 201: accountBody.extend({ clientSecret: z.string() }) },
  failures: ['tenant_not_found', 'client_invalid', 'privilege_escalation'],
  idempotent: 'honoured',
  example: {
    body: { name: 'Billing', scopes: ['iam.nodes:read'], description: exampleAccount.description },
    answer: { ...exampleAccount, clientSecret: exampleSecret },
  },
  async handle({ call, body, answer }, { serviceAccounts }) {
    const { account, clientSecret } = await serviceAccounts.create(call, body);
    return answer(201, { ...presentAccount(account), clientSecret });
  },
});

export const rotateServiceAccount = operation({
  method: 'POST',
  path: '/api/v1/service-accounts/:id/rotate',
  summary: 'Give a service account a new secret',
  description:
    '`clientSecret` is shown this once; the one before works until `overlapUntil`, a day unless told. Tokens that were issued stay good.',
  access: 'super',
  params: one,
  body: z.strictObject({ overlapSeconds: z.int().min(0).max(LIMITS.secretOverlapSeconds).optional() }).optional(),
  answers: { 200: z.object({ id: accountId, clientId: accountId, clientSecret: z.string(), overlapUntil: time }) },
  failures: ['client_not_found', 'client_invalid', 'privilege_escalation'],
  idempotent: 'honoured',
  example: {
    params: exampleId,
    body: { overlapSeconds: 3_600 },
    answer: {
      ...{ id: exampleAccount.id, clientId: exampleAccount.id, clientSecret: exampleSecret },
      overlapUntil: '2026-01-01T13:00:00.000Z',
    },
  },
  async handle({ call, params: { id }, body, answer }, { serviceAccounts }) {
    const { overlapSeconds = 86_400 } = body ?? {};
    const { secret, overlapUntil } = await serviceAccounts.rotate(call, id, { overlapSeconds });
    return answer(200, { id, clientId: id, clientSecret: secret, overlapUntil: overlapUntil.toISOString() });
  },
});

export const revokeServiceAccount = operation({
  method: 'DELETE',
  path: '/api/v1/service-accounts/:id',
  summary: 'Revoke a service account',
  description: 'It is gone with its secrets, and its tokens open nothing from that moment on.',
  access: 'super',
  params: one,
  answers: { 204: null },
  failures: ['client_not_found', 'privilege_escalation'],
  example: { params: exampleId },
  async handle({ call, params, answer }, { serviceAccounts }) {
    await serviceAccounts.revoke(call, params.id);
    return answer(204, null);
  },
});
