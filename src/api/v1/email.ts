import { z } from 'zod';
import type { InSession } from '../../domain/recovery/email-change-service.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation, type UserCall } from '../operation.ts';
import { email, password } from './fields.ts';
import { ME_RATE } from './rates.ts';
import { exampleUser, presentUser, userBody } from './user-body.ts';

const sessionOf = ({ actor }: UserCall): InSession => ({ userId: actor.userId, sessionUid: actor.sessionUid });

export const changeMyEmail = operation({
  method: 'POST',
  path: '/api/v1/me/email',
  summary: 'Ask for another e-mail address',
  description:
    'A letter with a link and a code goes to the new address; nothing changes before one of them comes back. The answer is the same where somebody has the address. Asks for a login no older than ten minutes, with the second factor where there is one, or for the current password; else 401 `IDENT_REAUTHENTICATION_REQUIRED`.',
  access: 'signed-in',
  body: z.strictObject({ email, currentPassword: password.optional() }),
  answers: { 202: z.object({}) },
  failures: ['reauthentication_required', 'invalid_credentials', 'user_not_found'],
  rate: [ME_RATE],
  example: { body: { email: 'ann.archer@example.com', currentPassword: 'correct horse battery staple' }, answer: {} },
  async handle({ call, body, browser, answer }, { emailChange }) {
    await emailChange.ask(call, sessionOf(call), { ...body, deviceCookie: browser.device() });
    return answer(202, {});
  },
});

export const confirmMyEmail = operation({
  method: 'POST',
  path: '/api/v1/me/email/confirm',
  summary: 'Confirm your new e-mail address',
  description:
    'Takes the token of the letter’s link, or its code, which works in the session that asked, five times at most. The old address hears of it; every session but the one that asked ends.',
  access: 'signed-in',
  body: z
    .strictObject({
      token: z.string().min(1).max(LIMITS.emailTokenChars).optional(),
      code: z.string().min(1).max(LIMITS.factorCodeChars).optional(),
    })
    .refine(({ token, code }) => (token === undefined) !== (code === undefined), { error: 'needs token or code' }),
  answers: { 200: userBody },
  failures: ['token_invalid', 'email_taken', 'user_not_found', 'user_deactivated'],
  rate: [ME_RATE],
  example: { body: { code: '12345678' }, answer: exampleUser },
  async handle({ call, body, answer }, { emailChange }) {
    const by = sessionOf(call);
    const { token, code = '' } = body;
    const changed = await (token === undefined
      ? emailChange.confirmByCode(call, by, code)
      : emailChange.confirm(call, token, by));
    return answer(200, presentUser(call.tenantId, changed));
  },
});
