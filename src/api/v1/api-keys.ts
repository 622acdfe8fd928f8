import { z } from 'zod';
import type { ApiKey } from '../../domain/api-keys/api-key.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { time } from './fields.ts';
import { apiKeyIds, userIds } from './ids.ts';
import { permissionNames } from './role-body.ts';

const one = z.strictObject({ id: apiKeyIds.schema });

const keyBody = z.object({
  id: apiKeyIds.text,
  name: z.string(),
  userId: userIds.text.nullable(),
  clientId: z.string().nullable(),
  scopes: z.array(z.string()),
  allowedIps: z.array(z.string()),
  expiresAt: time.nullable(),
  overlapUntil: time.nullable(),
  lastUsedAt: time.nullable(),
  createdAt: time,
});
const withSecret = keyBody.extend({ secret: z.string() });

const presentKey = ({ owner, ...key }: ApiKey): z.input<typeof keyBody> => ({
  ...key,
  id: apiKeyIds.encode(key.id),
  userId: owner?.kind === 'user' ? userIds.encode(owner.userId) : null,
  clientId: owner?.kind === 'client' ? owner.clientId : null,
  scopes: [...key.scopes],
  allowedIps: [...key.allowedIps],
  expiresAt: key.expiresAt?.toISOString() ?? null,
  overlapUntil: key.overlapUntil?.toISOString() ?? null,
  lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
  createdAt: key.createdAt.toISOString(),
});

const exampleKey: z.input<typeof keyBody> = {
  id: 'key_01HZX3F5T8Q2M4N6P7R9S0V1WB',
  name: 'Nightly report',
  userId: 'usr_01HZX3F5T8Q2M4N6P7R9S0V1W2',
  clientId: null,
  scopes: ['iam.users:read'],
  allowedIps: ['203.0.113.0/24'],
  expiresAt: '2027-01-01T12:00:00.000Z',
  overlapUntil: null,
  lastUsedAt: null,
  createdAt: '2026-01-01T12:00:00.000Z',
};
const exampleSecret = 'ghk_01HZX3F5T8Q2M4N6P7R9S0V1WB_5kYvR0yD3mX8aQ2nW7cJ4tB9uE6sG1hL0pZ3xV5iK8oF2r4Tq';
const exampleId = { id: exampleKey.id };

export const listApiKeys = operation({
  method: 'GET',
  path: '/api/v1/api-keys',
  summary: 'List API keys',
  description:
    'The newest first, never the keys themselves. `userId` or `clientId` says whom a key acts for. `lastUsedAt` is exact to the minute.',
  access: { permission: 'iam.apikeys:read' },
  query: z.strictObject({ ...pageFields, userId: userIds.schema.optional() }),
  answers: { 200: pageBody(keyBody) },
  failures: [],
  example: { answer: { data: [exampleKey], page: 1, pageSize: 50, total: 1 } },
  handle: async ({ call, query, answer }, { apiKeys }) =>
    answer(200, presentPage(await apiKeys.list(call, query), presentKey)),
});

export const createApiKey = operation({
  method: 'POST',
  path: '/api/v1/api-keys',
  summary: 'Make an API key',
  description:
    '`secret` is shown this once. It goes into `X-API-Key`, or is a bearer token. `scopes` are permissions, and you must hold them; a key makes none that outlives it or works from elsewhere. The key acts for `userId`, or for you: at each request it opens what it was given and they hold at that moment, and it ends with them. It is good until `expiresAt`, from `allowedIps` (addresses and CIDRs), where these are given.',
  access: { permission: 'iam.apikeys:create' },
  body: z.strictObject({
    name: z
      .string()
      .min(1)
      .max(LIMITS.nameChars * 2),
    scopes: permissionNames.min(1),
    userId: userIds.schema.optional(),
    expiresAt: time.nullable().optional(),
    allowedIps: z.array(z.string().min(1).max(64)).max(LIMITS.allowedIps).optional(),
  }),
  answers: { 201: withSecret },
  failures: ['user_not_found', 'user_deactivated', 'api_key_limit', 'privilege_escalation'],
  idempotent: 'honoured',
  example: {
    body: { name: 'Nightly report', scopes: ['iam.users:read'], allowedIps: ['203.0.113.0/24'] },
    answer: { ...exampleKey, secret: exampleSecret },
  },
  async handle({ call, body: { expiresAt, ...draft }, answer }, { apiKeys }) {
    const end = typeof expiresAt === 'string' ? new Date(expiresAt) : null;
    const { apiKey, secret } = await apiKeys.create(call, { ...draft, expiresAt: end });
    return answer(201, { ...presentKey(apiKey), secret });
  },
});

export const rotateApiKey = operation({
  method: 'POST',
  path: '/api/v1/api-keys/:id/rotate',
  summary: 'Put a new key in place of an old one',
  description:
    '`secret` is shown this once; the one before works until `overlapUntil`, a day unless told. Two work at most: what is older ends at once. All that the key was given must be yours.',
  access: { permission: 'iam.apikeys:rotate' },
  params: one,
  body: z.strictObject({ overlapSeconds: z.int().min(0).max(LIMITS.secretOverlapSeconds).optional() }).optional(),
  answers: { 200: withSecret },
  failures: ['api_key_not_found', 'privilege_escalation'],
  idempotent: 'honoured',
  example: {
    params: exampleId,
    body: { overlapSeconds: 3_600 },
    answer: { ...exampleKey, overlapUntil: '2026-01-01T13:00:00.000Z', secret: exampleSecret },
  },
  async handle({ call, params, body, answer }, { apiKeys }) {
    const { apiKey, secret } = await apiKeys.rotate(call, params.id, body);
    return answer(200, { ...presentKey(apiKey), secret });
  },
});

export const revokeApiKey = operation({
  method: 'DELETE',
  path: '/api/v1/api-keys/:id',
  summary: 'Revoke an API key',
  description: 'It opens nothing from that moment on.',
  access: { permission: 'iam.apikeys:revoke' },
  params: one,
  answers: { 204: null },
  failures: ['api_key_not_found'],
  example: { params: exampleId },
  async handle({ call, params, answer }, { apiKeys }) {
    await apiKeys.revoke(call, params.id);
    return answer(204, null);
  },
});
