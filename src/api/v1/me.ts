import { z } from 'zod';
import { versionOfUser } from '../../domain/users/user.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { password } from './fields.ts';
import { sessionIds } from './ids.ts';
import { ME_RATE } from './rates.ts';
import { exampleSession, presentSession, sessionBody } from './session-body.ts';
import { exampleUser, presentUser, userBody } from './user-body.ts';

export const me = operation({
  method: 'GET',
  path: '/api/v1/me',
  summary: 'Your profile',
  access: 'signed-in',
  answers: { 200: userBody },
  failures: ['user_not_found'],
  rate: [ME_RATE],
  versioned: true,
  example: { answer: exampleUser },
  handle: async ({ call, answer }, { users }) => {
    const user = await users.get(call, call.actor.userId);
    return answer(200, presentUser(call.tenantId, user), { version: versionOfUser(user) });
  },
});

/** Null takes a value away; what is left out stays. */
const optionalText = z.string().max(LIMITS.nameChars).nullable().optional();

export const updateMe = operation({
  method: 'PATCH',
  path: '/api/v1/me',
  summary: 'Change your profile',
  description:
    'What is left out stays; null takes a value away. `locale` is a BCP 47 tag, `timezone` a name of the IANA database.',
  access: 'signed-in',
  body: z.strictObject({
    firstName: optionalText,
    lastName: optionalText,
    locale: optionalText,
    timezone: optionalText,
  }),
  answers: { 200: userBody },
  failures: ['user_not_found', 'user_deactivated'],
  rate: [ME_RATE],
  versioned: true,
  example: { body: { firstName: 'Ann', timezone: 'Europe/London' }, answer: exampleUser },
  handle: async ({ call, body, expected, answer }, { users }) => {
    const user = await users.updateProfile(call, call.actor.userId, body, expected);
    return answer(200, presentUser(call.tenantId, user), { version: versionOfUser(user) });
  },
});

export const mySessions = operation({
  method: 'GET',
  path: '/api/v1/me/sessions',
  summary: 'Where you are signed in',
  access: 'signed-in',
  answers: { 200: z.object({ data: z.array(sessionBody) }) },
  failures: [],
  rate: [ME_RATE],
  example: { answer: { data: [exampleSession] } },
  handle: async ({ call, answer }, { sessions }) => {
    const found = await sessions.list(call, call.actor.userId);
    return answer(200, { data: found.map((session) => presentSession(session, call.actor.sessionUid)) });
  },
});

export const revokeMySession = operation({
  method: 'DELETE',
  path: '/api/v1/me/sessions/:id',
  summary: 'Sign out somewhere',
  description: 'Its tokens stop working at once. It may be the session that asks.',
  access: 'signed-in',
  params: z.strictObject({ id: sessionIds.schema }),
  answers: { 204: null },
  failures: ['session_not_found'],
  rate: [ME_RATE],
  example: { params: { id: 'ses_01HZX3F5T8Q2M4N6P7R9S0V1W4' } },
  handle: async ({ call, params, answer }, { sessions }) => {
    await sessions.end(call, call.actor.userId, params.id);
    return answer(204, null);
  },
});

export const changePassword = operation({
  method: 'POST',
  path: '/api/v1/me/password',
  summary: 'Change your password',
  description: 'A wrong current password counts as a wrong login does.',
  access: 'signed-in',
  body: z.strictObject({ currentPassword: password, newPassword: password }),
  answers: { 204: null },
  failures: ['invalid_credentials', 'password_policy', 'password_breached', 'conflict', 'user_not_found'],
  rate: [ME_RATE],
  example: { body: { currentPassword: 'correct horse battery staple', newPassword: 'seven quiet rivers at dawn' } },
  handle: async ({ call, body, browser, answer }, { passwords }) => {
    const { currentPassword: current, newPassword: next } = body;
    await passwords.change(call, call.actor.userId, { current, next, deviceCookie: browser.device() });
    return answer(204, null);
  },
});
