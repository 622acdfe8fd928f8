import { z } from 'zod';
import { versionOfUser } from '../../domain/users/user.ts';
import type { PreparedUser } from '../../domain/users/user-administration.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { email, password, search } from './fields.ts';
import { userIds } from './ids.ts';
import { CREATE_USER_RATE } from './rates.ts';
import { roleNames } from './role-body.ts';
import { exampleUser, presentUser, userBody, userStatus } from './user-body.ts';

const userId = z.strictObject({ id: userIds.schema });
const one = { params: { id: exampleUser.id } };

const text = z.string().max(LIMITS.nameChars * 2);
const phone = z.string().max(16);
const PROFILE = {
  username: text.nullable().optional(),
  phone: phone.nullable().optional(),
  locale: text.nullable().optional(),
  timezone: text.nullable().optional(),
};

/** What may stand in the way of acting on somebody. */
const ACTING = ['user_not_found', 'user_deactivated', 'privilege_escalation'] as const;

export const listUsers = operation({
  method: 'GET',
  path: '/api/v1/users',
  summary: 'List or search the users',
  description: `The newest first, unless \`sort\` says otherwise (with \`-\` for descending). \`search\` is how the e-mail address, the user name, the whole name or the last name begins, in any case. \`total\` counts to ${LIMITS.countedRows} and no further. \`backend\` is where somebody signs in: here, or elsewhere.`,
  access: { permission: 'iam.users:read' },
  query: z.strictObject({
    ...pageFields,
    status: userStatus.optional(),
    search: search.optional(),
    backend: z.enum(['local', 'oidc', 'saml', 'ldap', 'scim']).optional(),
    sort: z.enum(['createdAt', '-createdAt', 'email', '-email', 'lastName', '-lastName']).optional(),
  }),
  answers: { 200: pageBody(userBody) },
  failures: [],
  example: { answer: { data: [exampleUser], page: 1, pageSize: 50, total: 1 } },
  async handle({ call, query, answer }, { users }) {
    const page = await users.list(call, query);
    return answer(
      200,
      presentPage(page, (user) => presentUser(call.tenantId, user)),
    );
  },
});

export const createUser = operation({
  method: 'POST',
  path: '/api/v1/users',
  summary: 'Make a user',
  description:
    'With a password, or with `sendInvite`: then a letter with a link that is good for a week goes to the address, and the user is `pending` until they set a password by it. Roles may allow no more than the caller may do.',
  access: { permission: 'iam.users:create' },
  body: z.strictObject({
    email,
    firstName: text.min(1),
    lastName: text.min(1),
    password: password.optional(),
    roles: roleNames.optional(),
    ...PROFILE,
    sendInvite: z.boolean().optional(),
  }),
  answers: { 201: userBody },
  failures: [
    'email_taken',
    'tenant_limit',
    'username_taken',
    'role_not_found',
    'privilege_escalation',
    'password_policy',
    'password_breached',
  ],
  rate: [CREATE_USER_RATE],
  idempotent: 'required',
  example: {
    body: { email: exampleUser.email, firstName: 'Ann', lastName: 'Archer', locale: 'en-GB', sendInvite: true },
    answer: { ...exampleUser, status: 'pending', emailVerified: false, lastSignInAt: null },
  },
  prepare: ({ call, body }, { userAdministration }): Promise<PreparedUser> => userAdministration.prepare(call, body),
  async handle({ call, ready, answer }, { userAdministration }) {
    const user = await userAdministration.create(call, ready);
    return answer(201, presentUser(call.tenantId, user), {
      version: versionOfUser(user),
      location: `/api/v1/users/${userIds.encode(user.id)}`,
    });
  },
});

export const getUser = operation({
  method: 'GET',
  path: '/api/v1/users/:id',
  summary: 'See a user',
  description: 'One who was removed is `deactivated`.',
  access: { permission: 'iam.users:read' },
  params: userId,
  answers: { 200: userBody },
  failures: ['user_not_found'],
  versioned: true,
  example: { ...one, answer: exampleUser },
  async handle({ call, params, answer }, { users }) {
    const user = await users.get(call, params.id);
    return answer(200, presentUser(call.tenantId, user), { version: versionOfUser(user) });
  },
});

export const updateUser = operation({
  method: 'PATCH',
  path: '/api/v1/users/:id',
  summary: 'Change a user',
  description:
    'What is left out stays; null takes a value away. Another address is not verified, and the one before is told by letter; your own you change at `/api/v1/me/email`. `roles` are then exactly these. Nobody changes a user who may do what they may not.',
  access: { permission: 'iam.users:update' },
  params: userId,
  body: z.strictObject({
    firstName: text.nullable().optional(),
    lastName: text.nullable().optional(),
    email: email.optional(),
    ...PROFILE,
    roles: roleNames.optional(),
  }),
  answers: { 200: userBody },
  failures: [...ACTING, 'email_taken', 'username_taken', 'role_not_found', 'last_admin'],
  versioned: true,
  example: { ...one, body: { lastName: 'Archer', timezone: 'Europe/London' }, answer: exampleUser },
  async handle({ call, params, body, expected, answer }, { userAdministration }) {
    const user = await userAdministration.update(call, params.id, body, expected);
    return answer(200, presentUser(call.tenantId, user), { version: versionOfUser(user) });
  },
});

export const deleteUser = operation({
  method: 'DELETE',
  path: '/api/v1/users/:id',
  summary: 'Remove a user',
  description:
    'For good: every session ends, and the user is `deactivated`. The record stays for the audit trail. The last administrator stays.',
  access: { permission: 'iam.users:delete' },
  params: userId,
  answers: { 204: null },
  failures: ['user_not_found', 'privilege_escalation', 'last_admin'],
  versioned: true,
  example: one,
  async handle({ call, params, expected, answer }, { userAdministration }) {
    await userAdministration.remove(call, params.id, expected);
    return answer(204, null);
  },
});

export const suspendUser = operation({
  method: 'POST',
  path: '/api/v1/users/:id/suspend',
  summary: 'Suspend a user',
  description: 'Every session ends at once. `reason` stands in the audit trail. The last administrator stays.',
  access: { permission: 'iam.users:suspend' },
  params: userId,
  body: z
    .strictObject({
      reason: z
        .string()
        .max(LIMITS.descriptionChars * 2)
        .optional(),
    })
    .optional(),
  answers: { 200: userBody },
  failures: [...ACTING, 'user_suspended', 'last_admin'],
  example: { ...one, body: { reason: 'On leave.' }, answer: { ...exampleUser, status: 'suspended' } },
  async handle({ call, params, body, answer }, { userAdministration }) {
    const user = await userAdministration.suspend(call, params.id, body);
    return answer(200, presentUser(call.tenantId, user), { version: versionOfUser(user) });
  },
});

export const reactivateUser = operation({
  method: 'POST',
  path: '/api/v1/users/:id/reactivate',
  summary: 'Let a user in again',
  description: 'One who is suspended, or has not come yet. A second call changes nothing.',
  access: { permission: 'iam.users:suspend' },
  params: userId,
  answers: { 200: userBody },
  failures: ACTING,
  example: { ...one, answer: exampleUser },
  async handle({ call, params, answer }, { userAdministration }) {
    const user = await userAdministration.reactivate(call, params.id);
    return answer(200, presentUser(call.tenantId, user), { version: versionOfUser(user) });
  },
});

export const sendPasswordReset = operation({
  method: 'POST',
  path: '/api/v1/users/:id/password-reset',
  summary: 'Let a user set another password',
  description:
    'A letter with a link goes to their address; you neither see it nor choose the password. Who was invited and has not come yet is invited again.',
  access: { permission: 'iam.users:update' },
  params: userId,
  answers: { 202: z.object({}) },
  failures: [...ACTING, 'user_suspended'],
  idempotent: 'honoured',
  example: { ...one, answer: {} },
  async handle({ call, params, answer }, { userAdministration }) {
    await userAdministration.sendReset(call, params.id);
    return answer(202, {});
  },
});

export const resetFactors = operation({
  method: 'DELETE',
  path: '/api/v1/users/:id/mfa',
  summary: 'Take the second factors of a user away',
  description:
    'For somebody who has lost them: with backup codes and remembered browsers. Every session ends, and a letter tells them. Nobody does it for themselves.',
  access: { permission: 'iam.users:update' },
  params: userId,
  answers: { 204: null },
  failures: ACTING,
  example: one,
  async handle({ call, params, answer }, { userAdministration }) {
    await userAdministration.resetFactors(call, params.id);
    return answer(204, null);
  },
});
