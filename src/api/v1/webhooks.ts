import { z } from 'zod';
import type { Webhook } from '../../domain/webhooks/webhook.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { versionOf } from '../../kernel/version.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { DESCRIBED_EVENTS } from './event-body.ts';
import { time } from './fields.ts';
import { webhookIds } from './ids.ts';

const READ = { permission: 'iam.webhooks:read' } as const;
const WRITE = { permission: 'iam.webhooks:write' } as const;

const url = z.string().min(1).max(LIMITS.egressUrlChars);
const description = z
  .string()
  .max(LIMITS.descriptionChars * 2)
  .nullable();
const events = z.array(z.string().max(64)).min(1).max(LIMITS.webhookEvents);
const status = z.enum(['active', 'disabled']);

const webhookBody = z.object({
  id: webhookIds.text,
  url: z.string(),
  description: z.string().nullable(),
  events: z.array(z.string()),
  status,
  disabledReason: z.enum(['manual', 'gone', 'failing']).nullable(),
  overlapUntil: time.nullable(),
  createdAt: time,
  updatedAt: time,
});
const withSecret = webhookBody.extend({ secret: z.string() });

const presentWebhook = (webhook: Webhook): z.input<typeof webhookBody> => ({
  ...webhook,
  id: webhookIds.encode(webhook.id),
  events: [...webhook.events],
  overlapUntil: webhook.overlapUntil?.toISOString() ?? null,
  createdAt: webhook.createdAt.toISOString(),
  updatedAt: webhook.updatedAt.toISOString(),
});

const exampleWebhook: z.input<typeof webhookBody> = {
  id: 'whk_01HZX3F5T8Q2M4N6P7R9S0V1W7',
  url: 'https://hooks.acme.example/identity',
  description: 'Keeps the ward’s staff list up to date',
  events: ['role.*', 'user.*'],
  status: 'active',
  disabledReason: null,
  overlapUntil: null,
  createdAt: '2026-01-01T12:00:00.000Z',
  updatedAt: '2026-01-01T12:00:00.000Z',
};
const exampleSecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=';
const one = { params: { id: exampleWebhook.id } };

export const webhooks = operation({
  method: 'GET',
  path: '/api/v1/webhooks',
  summary: 'List the webhooks',
  access: READ,
  query: z.strictObject(pageFields),
  answers: { 200: pageBody(webhookBody) },
  failures: [],
  example: { answer: { data: [exampleWebhook], page: 1, pageSize: 50, total: 1 } },
  handle: async ({ call, query, answer }, services) =>
    answer(200, presentPage(await services.webhooks.list(call, query), presentWebhook)),
});

export const createWebhook = operation({
  method: 'POST',
  path: '/api/v1/webhooks',
  summary: 'Make a webhook',
  description:
    'Deliveries are signed as Standard Webhooks says (`webhook-id`, `webhook-timestamp`, `webhook-signature`), under the secret that is shown this once. `events` are names, `user.*` for an area, or `*`; `GET /api/v1/webhook-events` has them all. What is not answered with 2xx within fifteen seconds is tried again with back-off for a day. 410 disables the webhook, and so do five days in which nothing gets through. The address must be https and public.',
  access: WRITE,
  body: z.strictObject({ url, events, description: description.optional(), status: status.optional() }),
  answers: { 201: withSecret },
  failures: ['webhook_taken', 'webhook_limit'],
  idempotent: 'honoured',
  example: {
    body: { url: exampleWebhook.url, events: ['user.*', 'role.*'], description: exampleWebhook.description },
    answer: { ...exampleWebhook, secret: exampleSecret },
  },
  async handle({ call, body, answer }, services) {
    const { webhook, secret } = await services.webhooks.create(call, body);
    const more = { version: versionOf(webhook), location: `/api/v1/webhooks/${webhookIds.encode(webhook.id)}` };
    return answer(201, { ...presentWebhook(webhook), secret }, more);
  },
});

export const getWebhook = operation({
  method: 'GET',
  path: '/api/v1/webhooks/:id',
  summary: 'Get a webhook',
  access: READ,
  params: z.strictObject({ id: webhookIds.schema }),
  answers: { 200: webhookBody },
  failures: ['webhook_not_found'],
  versioned: true,
  example: { ...one, answer: exampleWebhook },
  async handle({ call, params, answer }, services) {
    const webhook = await services.webhooks.get(call, params.id);
    return answer(200, presentWebhook(webhook), { version: versionOf(webhook) });
  },
});

export const updateWebhook = operation({
  method: 'PATCH',
  path: '/api/v1/webhooks/:id',
  summary: 'Change a webhook, enable or disable it',
  description:
    'Another address brings another secret, which is shown this once; the one before ends. What is on its way to a webhook that is disabled is not sent; it can be redelivered later.',
  access: WRITE,
  params: z.strictObject({ id: webhookIds.schema }),
  body: z.strictObject({
    url: url.optional(),
    events: events.optional(),
    description: description.optional(),
    status: status.optional(),
  }),
  answers: { 200: webhookBody.extend({ secret: z.string().optional() }) },
  failures: ['webhook_not_found', 'webhook_taken'],
  versioned: true,
  example: { ...one, body: { events: ['user.*'] }, answer: { ...exampleWebhook, events: ['user.*'] } },
  async handle({ call, params, body, expected, answer }, services) {
    const { webhook, secret } = await services.webhooks.update(call, params.id, body, expected);
    const shown = { ...presentWebhook(webhook), ...(secret !== undefined && { secret }) };
    return answer(200, shown, { version: versionOf(webhook) });
  },
});

export const deleteWebhook = operation({
  method: 'DELETE',
  path: '/api/v1/webhooks/:id',
  summary: 'Remove a webhook',
  description: 'With its deliveries; what is on its way is not sent any more.',
  access: WRITE,
  params: z.strictObject({ id: webhookIds.schema }),
  answers: { 204: null },
  failures: ['webhook_not_found'],
  versioned: true,
  example: one,
  async handle({ call, params, expected, answer }, services) {
    await services.webhooks.remove(call, params.id, expected);
    return answer(204, null);
  },
});

export const rotateWebhook = operation({
  method: 'POST',
  path: '/api/v1/webhooks/:id/rotate',
  summary: 'Get a new secret',
  description:
    'It is shown this once. Until `overlapUntil` each delivery is signed under both, so receivers can change over; a day unless told.',
  access: WRITE,
  params: z.strictObject({ id: webhookIds.schema }),
  body: z.strictObject({ overlapSeconds: z.int().min(0).max(LIMITS.secretOverlapSeconds).optional() }).optional(),
  answers: { 200: withSecret },
  failures: ['webhook_not_found'],
  idempotent: 'honoured',
  example: {
    ...one,
    body: { overlapSeconds: 3_600 },
    answer: { ...exampleWebhook, overlapUntil: '2026-01-01T13:00:00.000Z', secret: exampleSecret },
  },
  async handle({ call, params, body, answer }, services) {
    const { webhook, secret } = await services.webhooks.rotate(call, params.id, body);
    return answer(200, { ...presentWebhook(webhook), secret });
  },
});

export const webhookEvents = operation({
  method: 'GET',
  path: '/api/v1/webhook-events',
  summary: 'List the events that webhooks can be sent',
  description: 'Each with the JSON Schema of its message and an example.',
  access: READ,
  answers: {
    200: z.object({
      data: z.array(
        z.object({
          name: z.string(),
          summary: z.string(),
          schema: z.record(z.string(), z.unknown()),
          example: z.record(z.string(), z.unknown()),
        }),
      ),
    }),
  },
  failures: [],
  example: {
    answer: {
      data: [
        {
          name: 'user.created',
          summary: 'A user was made.',
          schema: { type: 'object' },
          example: { type: 'user.created' },
        },
      ],
    },
  },
  handle: async ({ answer }) => answer(200, { data: CATALOGUE }),
});

const CATALOGUE = DESCRIBED_EVENTS.map(({ schema, ...event }) => ({ ...event, schema: z.toJSONSchema(schema) }));
