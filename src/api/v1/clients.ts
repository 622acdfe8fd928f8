import { z } from 'zod';
import { versionOfClient } from '../../domain/clients/client.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import {
  clientBody,
  clientFields,
  clientId,
  clientKind,
  clientStatus,
  exampleClient,
  fieldsFrom,
  presentClient,
} from './client-body.ts';
import { search, time } from './fields.ts';

const READ = { permission: 'iam.clients:read' } as const;
const WRITE = { permission: 'iam.clients:write' } as const;

const one = z.strictObject({ id: clientId });
const exampleId = { id: exampleClient.id };
const exampleSecret = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo';

/** A day: time enough to bring a new secret to where it is used. */
const OVERLAP_SECONDS = 86_400;

export const clients = operation({
  method: 'GET',
  path: '/api/v1/clients',
  summary: 'List clients',
  description: 'In pages by id, without secrets. `search` looks into id and name.',
  access: READ,
  query: z.strictObject({
    ...pageFields,
    kind: clientKind.optional(),
    status: clientStatus.optional(),
    search: search.optional(),
  }),
  answers: { 200: pageBody(clientBody) },
  failures: [],
  example: { answer: { data: [exampleClient], page: 1, pageSize: 50, total: 1 } },
  handle: async ({ call, query, answer }, services) =>
    answer(200, presentPage(await services.clients.list(call, query), presentClient)),
});

export const createClient = operation({
  method: 'POST',
  path: '/api/v1/clients',
  summary: 'Register a client',
  description:
    'With the metadata of RFC 7591 and OpenID Connect Registration under their names; what is left out follows from the kind. `client_id` is made up unless it is given. One that proves itself by a secret is given one of 256 bits: `clientSecret` is shown this once. `firstParty` (no consent page) is for whoever may change the settings of the tenant.',
  access: WRITE,
  body: z.strictObject({ client_id: clientId.optional(), kind: clientKind, ...clientFields }),
  answers: { 201: clientBody.extend({ clientSecret: z.string().optional() }) },
  failures: ['client_invalid', 'client_taken', 'privilege_escalation'],
  idempotent: 'honoured',
  example: {
    body: {
      kind: 'web',
      client_name: 'Harbour Books',
      redirect_uris: ['https://books.example/callback'],
      allowedIps: ['203.0.113.0/24'],
      rateLimitPerMinute: 600,
    },
    answer: { ...exampleClient, clientSecret: exampleSecret },
  },
  async handle({ call, body: { client_id: id, kind, ...fields }, answer }, services) {
    const { client, clientSecret } = await services.clients.create(call, {
      ...fieldsFrom(fields),
      ...{ clientId: id, kind },
    });
    const shown = { ...presentClient(client), ...(clientSecret !== undefined && { clientSecret }) };
    const location = `/api/v1/clients/${encodeURIComponent(client.clientId)}`;
    return answer(201, shown, { version: versionOfClient(client), location });
  },
});

export const getClient = operation({
  method: 'GET',
  path: '/api/v1/clients/:id',
  summary: 'See a client',
  access: READ,
  params: one,
  answers: { 200: clientBody },
  failures: ['client_not_found'],
  versioned: true,
  example: { params: exampleId, answer: exampleClient },
  async handle({ call, params, answer }, services) {
    const client = await services.clients.get(call, params.id);
    return answer(200, presentClient(client), { version: versionOfClient(client) });
  },
});

export const updateClient = operation({
  method: 'PATCH',
  path: '/api/v1/clients/:id',
  summary: 'Change a client, disable or enable it',
  description:
    'What is left out stays; null takes a value away. Every node obeys within a second. The kind stays. All that the client may do by itself must be yours.',
  access: WRITE,
  params: one,
  body: z.strictObject({ ...clientFields, status: clientStatus.optional() }),
  answers: { 200: clientBody },
  failures: ['client_not_found', 'client_invalid', 'privilege_escalation'],
  versioned: true,
  example: { params: exampleId, body: { rateLimitPerMinute: 600 }, answer: exampleClient },
  async handle({ call, params, body: { status, ...fields }, expected, answer }, services) {
    const client = await services.clients.update(call, params.id, { ...fieldsFrom(fields), status }, expected);
    return answer(200, presentClient(client), { version: versionOfClient(client) });
  },
});

export const rotateClient = operation({
  method: 'POST',
  path: '/api/v1/clients/:id/rotate',
  summary: 'Give a client a new secret',
  description: `\`clientSecret\` is shown this once; the one before works until \`overlapUntil\`, a day unless told. Two work at most: what is older ends at once. Tokens that were issued stay good. All that the client may do by itself must be yours.`,
  access: WRITE,
  params: one,
  body: z.strictObject({ overlapSeconds: z.int().min(0).max(LIMITS.secretOverlapSeconds).optional() }).optional(),
  answers: { 200: z.object({ id: clientId, clientSecret: z.string(), overlapUntil: time }) },
  failures: ['client_not_found', 'client_invalid', 'privilege_escalation'],
  idempotent: 'honoured',
  example: {
    params: exampleId,
    body: { overlapSeconds: 3_600 },
    answer: { id: exampleClient.id, clientSecret: exampleSecret, overlapUntil: '2026-01-01T13:00:00.000Z' },
  },
  async handle({ call, params, body, answer }, services) {
    const { overlapSeconds = OVERLAP_SECONDS } = body ?? {};
    const { secret, overlapUntil } = await services.clients.rotateSecret(call, params.id, { overlapSeconds });
    return answer(200, { id: params.id, clientSecret: secret, overlapUntil: overlapUntil.toISOString() });
  },
});

export const revokeClient = operation({
  method: 'POST',
  path: '/api/v1/clients/:id/revoke',
  summary: 'Shut a client out',
  description:
    'It is disabled, and all it was given ends: its tokens are not active any more. Once more changes nothing; PATCH with `status` lets it in again.',
  access: WRITE,
  params: one,
  answers: { 200: clientBody },
  failures: ['client_not_found'],
  example: { params: exampleId, answer: { ...exampleClient, status: 'disabled' } },
  handle: async ({ call, params, answer }, services) =>
    answer(200, presentClient(await services.clients.disable(call, params.id))),
});

export const deleteClient = operation({
  method: 'DELETE',
  path: '/api/v1/clients/:id',
  summary: 'Remove a client',
  description: 'With its secrets, its roles and all it was given. All that it may do by itself must be yours.',
  access: WRITE,
  params: one,
  answers: { 204: null },
  failures: ['client_not_found', 'privilege_escalation'],
  versioned: true,
  example: { params: exampleId },
  async handle({ call, params, expected, answer }, services) {
    await services.clients.remove(call, params.id, expected);
    return answer(204, null);
  },
});
