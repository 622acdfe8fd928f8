import { z } from 'zod';
import { DELIVERY_STATES, type LogoutDelivery } from '../../domain/sessions/logout-delivery.ts';
import type { Session } from '../../domain/sessions/session.ts';
import type { Actor } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { time } from './fields.ts';
import { deliveryIds, sessionIds, userIds } from './ids.ts';
import { exampleSession, presentSession, sessionBody } from './session-body.ts';

const tenantSessionBody = sessionBody.extend({ userId: userIds.text });

const presentTenantSession = (session: Session, actor: Actor): z.input<typeof tenantSessionBody> => ({
  ...presentSession(session, actor.kind === 'user' ? actor.sessionUid : undefined),
  userId: userIds.encode(session.userId),
});

const COUNTED = `\`total\` counts to ${LIMITS.countedRows} and no further.`;

export const tenantSessions = operation({
  method: 'GET',
  path: '/api/v1/sessions',
  summary: 'Who is signed in',
  description: `The live sessions of the tenant, or of one user (\`user\`), the newest first. ${COUNTED}`,
  access: { permission: 'iam.sessions:read' },
  query: z.strictObject({ ...pageFields, user: userIds.schema.optional() }),
  answers: { 200: pageBody(tenantSessionBody) },
  failures: [],
  example: {
    answer: {
      data: [{ ...exampleSession, current: false, userId: 'usr_01HZX3F5T8Q2M4N6P7R9S0V1W2' }],
      ...{ page: 1, pageSize: 50, total: 1 },
    },
  },
  async handle({ call, query, answer }, { sessions }) {
    const { user: userId, ...page } = query;
    const found = await sessions.listAll(call, { ...page, userId });
    return answer(
      200,
      presentPage(found, (session) => presentTenantSession(session, call.actor)),
    );
  },
});

export const revokeSession = operation({
  method: 'DELETE',
  path: '/api/v1/sessions/:id',
  summary: 'Sign somebody out',
  description: 'Its tokens stop working at once, and each relying party of it is told in the back channel.',
  access: { permission: 'iam.sessions:revoke' },
  params: z.strictObject({ id: sessionIds.schema }),
  answers: { 204: null },
  failures: ['session_not_found'],
  example: { params: { id: exampleSession.id } },
  async handle({ call, params, answer }, { sessions }) {
    if (!(await sessions.endByUid(call, params.id, 'revoked')))
      throw new Failure('session_not_found', { id: params.id });
    return answer(204, null);
  },
});

const deliveryBody = z.object({
  id: deliveryIds.text,
  state: z.enum(DELIVERY_STATES),
  clientId: z.string(),
  userId: userIds.text,
  attempts: z.int(),
  lastError: z.string().nullable(),
  createdAt: time,
  nextAttemptAt: time.nullable(),
  endedAt: time.nullable(),
});

const presentDelivery = (delivery: LogoutDelivery): z.input<typeof deliveryBody> => ({
  id: deliveryIds.encode(delivery.id),
  state: delivery.state,
  clientId: delivery.clientId,
  userId: userIds.encode(delivery.userId),
  attempts: delivery.attempts,
  lastError: delivery.lastError ?? null,
  createdAt: delivery.createdAt.toISOString(),
  nextAttemptAt: delivery.nextAttemptAt?.toISOString() ?? null,
  endedAt: delivery.endedAt?.toISOString() ?? null,
});

const exampleDelivery: z.input<typeof deliveryBody> = {
  id: 'dlv_01HZX3F5T8Q2M4N6P7R9S0V1W7',
  state: 'pending',
  clientId: 'web',
  userId: 'usr_01HZX3F5T8Q2M4N6P7R9S0V1W2',
  attempts: 3,
  lastError: 'the application answered 503',
  createdAt: '2026-01-01T12:00:00.000Z',
  nextAttemptAt: '2026-01-01T12:00:40.000Z',
  endedAt: null,
};

export const logoutDeliveries = operation({
  method: 'GET',
  path: '/api/v1/logout-deliveries',
  summary: 'Logouts on their way to relying parties',
  description: `Back-channel logout tokens, the latest first: \`pending\` ones are tried again, \`dead\` ones were given up after a day. Delivered ones are kept for a week, dead ones for a month. ${COUNTED}`,
  access: { permission: 'iam.sessions:read' },
  query: z.strictObject({ ...pageFields, state: z.enum(DELIVERY_STATES).optional() }),
  answers: { 200: pageBody(deliveryBody) },
  failures: [],
  example: { answer: { data: [exampleDelivery], page: 1, pageSize: 50, total: 1 } },
  handle: async ({ call, query, answer }, { logoutDeliveries: deliveries }) =>
    answer(200, presentPage(await deliveries.list(call, query), presentDelivery)),
});

export const retryLogoutDelivery = operation({
  method: 'POST',
  path: '/api/v1/logout-deliveries/:id/retry',
  summary: 'Try a logout again now',
  description:
    'Gives the delivery another day. The token has the same `jti` at each attempt. 409 for one that has arrived.',
  access: { permission: 'iam.sessions:revoke' },
  params: z.strictObject({ id: deliveryIds.schema }),
  answers: { 200: deliveryBody },
  failures: ['delivery_not_found', 'conflict'],
  idempotent: 'honoured',
  example: { params: { id: exampleDelivery.id }, answer: exampleDelivery },
  handle: async ({ call, params, answer }, { logoutDeliveries: deliveries }) =>
    answer(200, presentDelivery(await deliveries.retry(call, params.id))),
});
