import { z } from 'zod';
import type { RateRule } from '../../http/rate-limit.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { password } from './fields.ts';
import { userIds } from './ids.ts';
import {
  choiceBody,
  consentBody,
  consentType,
  erasureBody,
  exampleChoice,
  exampleErasure,
  examplePersonalData,
  personalDataBody,
  presentChoice,
  presentConsent,
  presentErasure,
  presentPersonalData,
} from './privacy-body.ts';
import { ME_RATE } from './rates.ts';
import { exampleUser } from './user-body.ts';

/** A copy of all that is known of somebody is read from many tables: people take one now and then. */
const EXPORT_RATE: RateRule = { name: 'v1-export', points: 10, seconds: 3_600, per: 'user', count: 'exact' };

const userId = z.strictObject({ id: userIds.schema });
const exampleId = { id: exampleUser.id };
const reason = z.string().max(LIMITS.descriptionChars);

export const consents = operation({
  method: 'GET',
  path: '/api/v1/me/consents',
  summary: 'What you allow',
  description: 'One of each type; `at` is null for what you have never been asked.',
  access: 'signed-in',
  answers: { 200: z.object({ data: z.array(consentBody) }) },
  failures: [],
  rate: [ME_RATE],
  example: { answer: { data: [{ type: 'marketing', granted: true, at: exampleChoice.at }] } },
  handle: async ({ call, answer }, { consents: room }) =>
    answer(200, { data: (await room.list(call, call.actor.userId)).map(presentConsent) }),
});

export const setConsent = operation({
  method: 'POST',
  path: '/api/v1/me/consents',
  summary: 'Allow something, or take it back',
  description:
    'Kept with time, address, device and the version of the privacy policy; nothing is written over. What is `essential` cannot be taken back. A choice that changes nothing leaves nothing.',
  access: 'signed-in',
  body: z.strictObject({ type: consentType, granted: z.boolean() }),
  answers: { 200: consentBody },
  failures: ['consent_essential', 'user_not_found', 'user_deactivated'],
  rate: [ME_RATE],
  example: {
    body: { type: 'marketing', granted: true },
    answer: { type: 'marketing', granted: true, at: exampleChoice.at },
  },
  handle: async ({ call, body, answer }, { consents: room }) =>
    answer(200, presentConsent(await room.set(call, call.actor.userId, { ...body, source: 'api' }))),
});

export const consentHistory = operation({
  method: 'GET',
  path: '/api/v1/me/consents/history',
  summary: 'What you have allowed and taken back',
  description: `Every choice, the latest first; ${LIMITS.consentHistory} at most.`,
  access: 'signed-in',
  answers: { 200: z.object({ data: z.array(choiceBody) }) },
  failures: [],
  rate: [ME_RATE],
  example: { answer: { data: [exampleChoice] } },
  handle: async ({ call, answer }, { consents: room }) =>
    answer(200, { data: (await room.history(call, call.actor.userId)).map(presentChoice) }),
});

export const exportMe = operation({
  method: 'GET',
  path: '/api/v1/me/export',
  summary: 'A copy of your data',
  description: `All that is known of you, in one document (GDPR Art. 15 and 20): nothing in it lets anybody in. Of the audit trail, the latest ${LIMITS.exportedRecords} records of what you did and of what happened to your account. Its JSON Schema stands at \`/schemas/privacy-export.schema.json\`. Ten copies an hour.`,
  access: 'signed-in',
  answers: { 200: personalDataBody },
  failures: ['user_not_found'],
  rate: [ME_RATE, EXPORT_RATE],
  example: { answer: examplePersonalData },
  async handle({ call, answer }, { personalData }) {
    const data = await personalData.collect(call, call.actor.userId);
    return answer(200, presentPersonalData(call.tenantId, call.now, data));
  },
});

export const exportUser = operation({
  method: 'GET',
  path: '/api/v1/users/:id/export',
  summary: 'A copy of a person’s data',
  description: 'For a request that reached you by other ways than the account. The audit trail tells who took it.',
  access: { permission: 'iam.users:read' },
  params: userId,
  answers: { 200: personalDataBody },
  failures: ['user_not_found'],
  rate: [EXPORT_RATE],
  example: { params: exampleId, answer: examplePersonalData },
  async handle({ call, params, answer }, { personalData }) {
    const data = await personalData.collect(call, params.id);
    return answer(200, presentPersonalData(call.tenantId, call.now, data));
  },
});

export const eraseMe = operation({
  method: 'POST',
  path: '/api/v1/me/erase',
  summary: 'Have your account erased',
  description:
    'On `effectiveAt`, some days from now as the tenant has it (30 unless told), all that is known of you goes (GDPR Art. 17), and every application is told. Until then it can be taken back. Asks for your password or a login no older than ten minutes, with the second factor where there is one; else 401 `IDENT_REAUTHENTICATION_REQUIRED`. A second time gives the same request. A letter tells you.',
  access: 'signed-in',
  body: z.strictObject({ password: password.optional(), reason: reason.optional() }).optional(),
  answers: { 202: erasureBody },
  failures: ['reauthentication_required', 'invalid_credentials', 'last_admin', 'user_not_found'],
  rate: [ME_RATE],
  example: { body: { password: 'correct horse battery staple' }, answer: exampleErasure },
  async handle({ call, body = {}, browser, answer }, { erasure }) {
    const { userId: own, sessionUid } = call.actor;
    const given = { ...body, sessionUid, deviceCookie: browser.device() };
    return answer(202, presentErasure(await erasure.ask(call, own, given)));
  },
});

export const keepMe = operation({
  method: 'DELETE',
  path: '/api/v1/me/erase',
  summary: 'Keep your account after all',
  description: 'A letter tells you.',
  access: 'signed-in',
  answers: { 204: null },
  failures: ['erasure_not_found'],
  rate: [ME_RATE],
  async handle({ call, answer }, { erasure }) {
    await erasure.cancel(call, call.actor.userId);
    return answer(204, null);
  },
});

export const eraseUser = operation({
  method: 'POST',
  path: '/api/v1/users/:id/erase',
  summary: 'Have a person erased',
  description:
    'As they could themselves, on `effectiveAt`; `graceDays` 0 is within minutes. You must hold all that they may do. Not for yourself: that is `/me/erase`. A second time gives the same request.',
  access: { permission: 'iam.users:delete' },
  params: userId,
  body: z
    .strictObject({ reason: reason.optional(), graceDays: z.int().min(0).max(LIMITS.erasureGraceDays).optional() })
    .optional(),
  answers: { 202: erasureBody },
  failures: ['user_not_found', 'last_admin', 'privilege_escalation'],
  example: { params: exampleId, body: { graceDays: 7 }, answer: exampleErasure },
  handle: async ({ call, params, body, answer }, { erasure }) =>
    answer(202, presentErasure(await erasure.askFor(call, params.id, body))),
});

export const keepUser = operation({
  method: 'DELETE',
  path: '/api/v1/users/:id/erase',
  summary: 'Keep a person who was to be erased',
  description: 'You must hold all that they may do. A letter tells them.',
  access: { permission: 'iam.users:delete' },
  params: userId,
  answers: { 204: null },
  failures: ['erasure_not_found', 'privilege_escalation'],
  example: { params: exampleId },
  async handle({ call, params, answer }, { erasure }) {
    await erasure.cancel(call, params.id);
    return answer(204, null);
  },
});
