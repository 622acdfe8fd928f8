import { z } from 'zod';
import { type Invite, statusOf } from '../../domain/invites/invite.ts';
import { maskedEmail } from '../../domain/mail/letter.ts';
import type { RateRule } from '../../http/rate-limit.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { email, password, time } from './fields.ts';
import { inviteIds, nodeIds, userIds } from './ids.ts';
import { AUTH_RATE } from './rates.ts';
import { roleNames } from './role-body.ts';
import { tokensOf, UNFINISHED } from './signed-in.ts';
import { exampleTokens, tokenBody } from './token-body.ts';

/** Letters that a tenant sends to people whom it does not know. */
const INVITE_RATE: RateRule = { name: 'v1-invites', points: 60, seconds: 60, per: 'tenant', count: 'exact' };

/** An open invite, as every operation of this contract shows it. What its link holds is shown to nobody. */
const inviteBody = z.object({
  id: inviteIds.text,
  email: z.string(),
  roles: z.array(z.string()),
  nodeId: nodeIds.text.nullable(),
  status: z.enum(['pending', 'expired']),
  invitedBy: z.object({ type: z.enum(['user', 'client', 'system']), id: z.string() }),
  createdAt: time,
  expiresAt: time,
});

const presentInvite =
  (now: Date) =>
  (invite: Invite): z.input<typeof inviteBody> => {
    const { id, email: address, roles, nodeId, inviter, createdAt, expiresAt } = invite;
    return {
      id: inviteIds.encode(id),
      email: address,
      roles: [...roles],
      nodeId: nodeId && nodeIds.encode(nodeId),
      status: statusOf(invite, now),
      invitedBy: {
        type: inviter.kind,
        id: inviter.kind === 'user' ? userIds.encode(inviter.id as UserId) : inviter.id,
      },
      createdAt: createdAt.toISOString(),
      expiresAt: expiresAt.toISOString(),
    };
  };

const exampleInvite: z.input<typeof inviteBody> = {
  id: 'inv_01HZX3F5T8Q2M4N6P7R9S0V1X3',
  email: 'bob@example.com',
  roles: ['nurse'],
  nodeId: null,
  status: 'pending',
  invitedBy: { type: 'user', id: 'usr_01HZX3F5T8Q2M4N6P7R9S0V1W2' },
  createdAt: '2026-01-01T12:00:00.000Z',
  expiresAt: '2026-01-08T12:00:00.000Z',
};
const EXAMPLE_TOKEN = 'wN8y3VxkQ2mR7tLcJp0ZsA4hEuBfG6dYiKoXqTnM9v5';

export const invites = operation({
  method: 'GET',
  path: '/api/v1/invites',
  summary: 'List invites',
  description:
    'In pages, the newest first: those that are open, and for thirty days those that nobody accepted in time. One that was accepted or revoked is told by the audit trail.',
  access: { permission: 'iam.users:read' },
  query: z.strictObject(pageFields),
  answers: { 200: pageBody(inviteBody) },
  failures: [],
  example: { answer: { data: [exampleInvite], page: 1, pageSize: 50, total: 1 } },
  handle: async ({ call, query, answer }, { invites: room }) =>
    answer(200, presentPage(await room.list(call, query), presentInvite(call.now))),
});

export const createInvite = operation({
  method: 'POST',
  path: '/api/v1/invites',
  summary: 'Invite somebody by e-mail',
  description:
    'A letter goes to the address, whose link is good for a week, once. The roles are given in the tenant, which asks for `iam.roles:write`; with `nodeId` the person becomes a member of that node with the roles there, which asks for `iam.nodes:write`. Nobody promises a role that allows what they do not hold, and whoever has invited is asked again when somebody accepts. To invite an address again sends another letter, and the earlier one is no use any more; three an hour go to one address.',
  access: { permission: 'iam.users:create' },
  body: z.strictObject({ email, roles: roleNames.optional(), nodeId: nodeIds.schema.optional() }),
  answers: { 201: inviteBody },
  failures: [
    ...(['role_not_found', 'node_not_found', 'node_archived', 'privilege_escalation'] as const),
    ...(['user_suspended', 'user_deactivated', 'conflict'] as const),
  ],
  rate: [INVITE_RATE],
  idempotent: 'honoured',
  example: { body: { email: 'bob@example.com', roles: ['nurse'] }, answer: exampleInvite },
  prepare: ({ call, body }, { invites: room }) => room.takeLetter(call, body.email),
  async handle({ call, body, answer }, { invites: room }) {
    return answer(201, presentInvite(call.now)(await room.create(call, body)));
  },
});

export const revokeInvite = operation({
  method: 'DELETE',
  path: '/api/v1/invites/:id',
  summary: 'Revoke an invite',
  description: 'Its link is no use from now on.',
  access: { permission: 'iam.users:create' },
  params: z.strictObject({ id: inviteIds.schema }),
  answers: { 204: null },
  failures: ['invite_not_found'],
  example: { params: { id: exampleInvite.id } },
  async handle({ call, params, answer }, { invites: room }) {
    await room.revoke(call, params.id);
    return answer(204, null);
  },
});

export const checkInvite = operation({
  method: 'GET',
  path: '/api/v1/invites/check/:token',
  summary: 'Look at an invite',
  description:
    'Uses nothing up. Whether a link is unknown, used, revoked or too old, the answer is the same. The address is shown in part: whoever has the link knows it. Where it has an account (`hasAccount`), that account’s password accepts.',
  access: 'anonymous',
  params: z.strictObject({ token: z.string().min(1).max(LIMITS.emailTokenChars) }),
  answers: {
    200: z.object({
      valid: z.boolean(),
      email: z.string().nullable(),
      tenant: z.string().nullable(),
      expiresAt: time.nullable(),
      hasAccount: z.boolean().nullable(),
    }),
  },
  failures: [],
  rate: [AUTH_RATE],
  example: {
    params: { token: EXAMPLE_TOKEN },
    answer: {
      ...{ valid: true, email: 'b•••@example.com', tenant: 'Acme' },
      ...{ expiresAt: exampleInvite.expiresAt, hasAccount: false },
    },
  },
  async handle({ call, params, answer }, { invites: room }) {
    const found = await room.find(call, params.token);
    return answer(200, {
      valid: found !== undefined,
      email: found ? maskedEmail(found.email) : null,
      tenant: found?.organisation ?? null,
      expiresAt: found?.expiresAt.toISOString() ?? null,
      hasAccount: found?.hasAccount ?? null,
    });
  },
});

export const acceptInvite = operation({
  method: 'POST',
  path: '/api/v1/invites/accept',
  summary: 'Accept an invite',
  description:
    'Makes an account for the invited address with this password; where the address has an account, the password is that account’s. Then it goes on as a login does: where a second factor or something else is asked for, the refusal says so, and the invite is accepted all the same. A password that is refused leaves the invite good. 410 for every link that is no use.',
  access: 'proof',
  body: z.strictObject({
    token: z.string().min(1).max(LIMITS.emailTokenChars),
    password,
    firstName: z.string().max(LIMITS.nameChars).optional(),
    lastName: z.string().max(LIMITS.nameChars).optional(),
  }),
  answers: { 201: tokenBody },
  failures: [
    ...(['invite_invalid', 'password_policy', 'password_breached', 'invalid_credentials'] as const),
    ...(['email_taken', 'tenant_limit', 'sign_in_expired', ...UNFINISHED] as const),
  ],
  rate: [AUTH_RATE],
  example: {
    body: { token: EXAMPLE_TOKEN, password: 'seven quiet rivers at dawn', firstName: 'Bob', lastName: 'Okri' },
    answer: exampleTokens,
  },
  async handle({ call, body, browser, answer }, services) {
    const { invites: room, signIn } = services;
    const deviceCookie = browser.device();
    const { tenantId, userId } = await room.accept(call, { ...body, deviceCookie });
    const there = { ...call, tenantId };
    const ticket = await signIn.arrival(there, userId);
    const outcome = await signIn.withArrival(there, { ticket, deviceCookie });
    return answer(201, await tokensOf(call, outcome, browser, services));
  },
});
