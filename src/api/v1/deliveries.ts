import { z } from 'zod';
import type { Delivery } from '../../domain/webhooks/delivery.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { time } from './fields.ts';
import { eventIds, jobIds, webhookDeliveryIds, webhookIds } from './ids.ts';
import { SENDING_RATE } from './rates.ts';

const states = z.enum(['pending', 'delivered', 'failed']);

const deliveryBody = z.object({
  id: webhookDeliveryIds.text,
  webhookId: webhookIds.text,
  eventId: eventIds.text,
  event: z.string(),
  state: states,
  attempts: z.int(),
  responseStatus: z.int().nullable(),
  error: z.string().nullable(),
  createdAt: time,
  attemptedAt: time.nullable(),
  nextAttemptAt: time.nullable(),
  finishedAt: time.nullable(),
});

const presentDelivery = (delivery: Delivery): z.input<typeof deliveryBody> => ({
  ...delivery,
  id: webhookDeliveryIds.encode(delivery.id),
  webhookId: webhookIds.encode(delivery.webhookId),
  eventId: eventIds.encode(delivery.eventId),
  createdAt: delivery.createdAt.toISOString(),
  attemptedAt: delivery.attemptedAt?.toISOString() ?? null,
  nextAttemptAt: delivery.nextAttemptAt?.toISOString() ?? null,
  finishedAt: delivery.finishedAt?.toISOString() ?? null,
});

const exampleDelivery: z.input<typeof deliveryBody> = {
  id: 'whd_01HZX3F5T8Q2M4N6P7R9S0V1W9',
  webhookId: 'whk_01HZX3F5T8Q2M4N6P7R9S0V1W7',
  eventId: 'evt_01HZX3F5T8Q2M4N6P7R9S0V1W8',
  event: 'user.created',
  state: 'pending',
  attempts: 2,
  responseStatus: 503,
  error: 'HTTP 503',
  createdAt: '2026-01-02T09:30:00.000Z',
  attemptedAt: '2026-01-02T09:30:07.000Z',
  nextAttemptAt: '2026-01-02T09:30:20.000Z',
  finishedAt: null,
};
const exampleParams = { id: exampleDelivery.webhookId, deliveryId: exampleDelivery.id };

export const testWebhook = operation({
  method: 'POST',
  path: '/api/v1/webhooks/:id/test',
  summary: 'Send a test event',
  description:
    '`webhook.test`, tried once, also to a webhook that is disabled. What became of it stands in its delivery.',
  access: { permission: 'iam.webhooks:write' },
  params: z.strictObject({ id: webhookIds.schema }),
  answers: { 202: deliveryBody },
  failures: ['webhook_not_found'],
  idempotent: 'honoured',
  rate: [SENDING_RATE],
  example: {
    params: { id: exampleDelivery.webhookId },
    answer: { ...exampleDelivery, event: 'webhook.test', attempts: 0, responseStatus: null, error: null },
  },
  async handle({ call, params, answer }, { webhooks, deliveries }) {
    const { delivery } = await deliveries.get(call, params.id, await webhooks.test(call, params.id));
    return answer(202, presentDelivery(delivery));
  },
});

export const listDeliveries = operation({
  method: 'GET',
  path: '/api/v1/webhooks/:id/deliveries',
  summary: 'List what was sent to a webhook',
  description: 'The newest first, for two weeks.',
  access: { permission: 'iam.webhooks:read' },
  params: z.strictObject({ id: webhookIds.schema }),
  query: z.strictObject({ ...pageFields, state: states.optional() }),
  answers: { 200: pageBody(deliveryBody) },
  failures: ['webhook_not_found'],
  example: {
    params: { id: exampleDelivery.webhookId },
    answer: { data: [exampleDelivery], page: 1, pageSize: 50, total: 1 },
  },
  handle: async ({ call, params, query, answer }, { deliveries }) =>
    answer(200, presentPage(await deliveries.list(call, params.id, query), presentDelivery)),
});

export const getDelivery = operation({
  method: 'GET',
  path: '/api/v1/webhooks/:id/deliveries/:deliveryId',
  summary: 'Get one delivery with what is sent',
  description: '`body` is the text that is signed. It shows what events show, so whoever may direct them may read it.',
  access: { permission: 'iam.webhooks:write' },
  params: z.strictObject({ id: webhookIds.schema, deliveryId: webhookDeliveryIds.schema }),
  answers: { 200: deliveryBody.extend({ body: z.string() }) },
  failures: ['webhook_delivery_not_found'],
  example: { params: exampleParams, answer: { ...exampleDelivery, body: '{"id":"evt_…","type":"user.created",…}' } },
  async handle({ call, params, answer }, { deliveries }) {
    const { delivery, body } = await deliveries.get(call, params.id, params.deliveryId);
    return answer(200, { ...presentDelivery(delivery), body });
  },
});

export const redeliver = operation({
  method: 'POST',
  path: '/api/v1/webhooks/:id/deliveries/:deliveryId/redeliver',
  summary: 'Send one delivery again',
  description: 'Under the same `webhook-id`, whatever became of it; one that is on its way is tried at once.',
  access: { permission: 'iam.webhooks:write' },
  params: z.strictObject({ id: webhookIds.schema, deliveryId: webhookDeliveryIds.schema }),
  answers: { 202: deliveryBody },
  failures: ['webhook_delivery_not_found', 'webhook_disabled'],
  idempotent: 'honoured',
  rate: [SENDING_RATE],
  example: { params: exampleParams, answer: exampleDelivery },
  handle: async ({ call, params, answer }, { deliveries }) =>
    answer(202, presentDelivery(await deliveries.redeliver(call, params.id, params.deliveryId))),
});

export const redeliverFailed = operation({
  method: 'POST',
  path: '/api/v1/webhooks/:id/redeliver',
  summary: 'Send again what has failed since a moment',
  description: 'In the order in which it was told; how far it is stands at `GET /api/v1/jobs/:id`.',
  access: { permission: 'iam.webhooks:write' },
  params: z.strictObject({ id: webhookIds.schema }),
  body: z.strictObject({ since: time }),
  answers: { 202: z.object({ jobId: jobIds.text }) },
  failures: ['webhook_not_found', 'webhook_disabled', 'job_limit'],
  idempotent: 'honoured',
  rate: [SENDING_RATE],
  example: {
    params: { id: exampleDelivery.webhookId },
    body: { since: '2026-01-02T00:00:00.000Z' },
    answer: { jobId: 'job_01HZX3F5T8Q2M4N6P7R9S0V1WA' },
  },
  async handle({ call, params, body, answer }, { deliveries }) {
    const { id } = await deliveries.redeliverFailed(call, params.id, new Date(body.since));
    const jobId = jobIds.encode(id);
    return answer(202, { jobId }, { location: `/api/v1/jobs/${jobId}` });
  },
});
