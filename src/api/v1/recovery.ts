import { z } from 'zod';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { email, password } from './fields.ts';
import { AUTH_RATE } from './rates.ts';

export const passwordResetRequest = operation({
  method: 'POST',
  path: '/api/v1/auth/password-reset/request',
  summary: 'Ask for a new password',
  description:
    'The answer is the same whether or not somebody has the e-mail address. Where somebody has, a letter with a link goes there; where no tenant is named, one for each tenant that knows the address, five at most. Three letters an hour go to one address.',
  access: 'anonymous',
  body: z.strictObject({ email }),
  answers: { 202: z.object({}) },
  failures: [],
  rate: [AUTH_RATE],
  example: { body: { email: 'ann@example.com' }, answer: {} },
  async handle({ call, body, answer }, { recovery }) {
    await recovery.request(call, { identifier: body.email });
    return answer(202, {});
  },
});

export const passwordResetConfirm = operation({
  method: 'POST',
  path: '/api/v1/auth/password-reset/confirm',
  summary: 'Set a new password with the token of a letter',
  description:
    'The token is good for half an hour and one password; one that the policy refuses leaves it good. Every session of the user ends. Second factors stay as they are.',
  access: 'proof',
  body: z.strictObject({ token: z.string().min(1).max(LIMITS.emailTokenChars), newPassword: password }),
  answers: { 204: null },
  failures: ['token_invalid', 'password_policy', 'password_breached', 'user_not_found'],
  rate: [AUTH_RATE],
  example: {
    body: { token: 'wN8y3VxkQ2mR7tLcJp0ZsA4hEuBfG6dYiKoXqTnM9v5', newPassword: 'seven quiet rivers at dawn' },
  },
  async handle({ call, body, browser, answer }, { recovery }) {
    const given = { token: body.token, password: body.newPassword, deviceCookie: browser.device() };
    const { deviceCookie } = await recovery.resetByLink(call, given);
    browser.setDevice(deviceCookie);
    return answer(204, null);
  },
});
