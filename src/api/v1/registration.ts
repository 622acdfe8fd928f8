import { z } from 'zod';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { email, password } from './fields.ts';
import { AUTH_RATE } from './rates.ts';
import { exampleUser, presentUser, userBody } from './user-body.ts';

const name = z.string().min(1).max(LIMITS.nameChars);

export const register = operation({
  method: 'POST',
  path: '/api/v1/auth/register',
  summary: 'Make an account',
  description:
    'Only where the tenant lets people register. Where addresses must be proven (`verificationRequired`), there is no user before the letter was answered, and the answer is the same whoever has the address: its owner gets a letter that says so. Only a tenant that does without that proof answers 409 for an address that is taken. `captcha` is the answer to a challenge of `GET /api/v1/auth/captcha` (base64 of `{ challenge, solution }`, as ALTCHA’s widget sends it), or what Turnstile or hCaptcha gave, where the tenant has chosen one of them; while that service is away, the address must be proven.',
  access: 'anonymous',
  body: z.strictObject({
    email,
    password,
    firstName: name,
    lastName: name,
    tenant: z.string().min(1).max(LIMITS.slugChars).optional(),
    captcha: z.string().max(LIMITS.captchaChars).optional(),
  }),
  answers: { 201: z.object({ user: userBody, verificationRequired: z.boolean() }) },
  failures: ['registration_closed', 'captcha_failed', 'password_policy', 'password_breached', 'email_taken'],
  rate: [AUTH_RATE],
  idempotent: 'honoured',
  example: {
    body: {
      email: 'ann@example.com',
      password: 'correct horse battery staple',
      firstName: 'Ann',
      lastName: 'Archer',
      tenant: 'acme',
      captcha: 'eyJjaGFsbGVuZ2UiOnsi…',
    },
    answer: {
      user: { ...exampleUser, status: 'pending', emailVerified: false, lastSignInAt: null },
      verificationRequired: true,
    },
  },
  prepare({ call, body }, { registration }) {
    const { tenant: slug, captcha: given, ...draft } = body;
    return registration.prepare(call, draft, { slug, captcha: given });
  },
  async handle({ call, ready, answer }, { registration }) {
    const { tenantId, user, verificationRequired } = await registration.take(call, ready);
    return answer(201, { user: presentUser(tenantId, user), verificationRequired });
  },
});

/** A challenge of ALTCHA, version 2. Its signature holds all of it together, so it is sent back as it came. */
const challengeBody = z.object({
  parameters: z.object({
    algorithm: z.string(),
    nonce: z.string(),
    salt: z.string(),
    cost: z.int(),
    keyLength: z.int(),
    keyPrefix: z.string(),
    keySignature: z.string(),
    expiresAt: z.int(),
    data: z.object({ tenant: z.string() }),
  }),
  signature: z.string(),
});

export const captcha = operation({
  method: 'GET',
  path: '/api/v1/auth/captcha',
  summary: 'A challenge of proof of work',
  description:
    'ALTCHA, version 2 (PBKDF2): a second or so of a browser’s work. It is for one registration at the tenant that is named, within half an hour. 404 where the tenant asks for another CAPTCHA, or for none.',
  access: 'anonymous',
  answers: { 200: challengeBody },
  failures: ['not_found'],
  rate: [AUTH_RATE],
  example: {
    answer: {
      parameters: {
        algorithm: 'PBKDF2/SHA-256',
        nonce: '3f0c…',
        salt: '9a1e…',
        cost: 1_000,
        keyLength: 32,
        keyPrefix: '5b7d…',
        keySignature: 'c2f8…',
        expiresAt: 1_767_270_000,
        data: { tenant: '019ab2f4-7c11-7d03-9c5e-2f4b8a1d6e90' },
      },
      signature: 'e41b…',
    },
  },
  handle: async ({ call, answer }, { registration }) =>
    answer(200, (await registration.challenge(call)) as z.input<typeof challengeBody>),
});

export const verifyEmail = operation({
  method: 'POST',
  path: '/api/v1/auth/verify-email',
  summary: 'Prove an e-mail address with the token of a letter',
  description:
    'Of a registration, which makes the account; or of somebody who has one. The token is good for a day, once.',
  access: 'proof',
  body: z.strictObject({ token: z.string().min(1).max(LIMITS.emailTokenChars) }),
  answers: { 204: null },
  failures: ['token_invalid', 'registration_closed', 'user_not_found', 'user_deactivated'],
  rate: [AUTH_RATE],
  example: { body: { token: 'wN8y3VxkQ2mR7tLcJp0ZsA4hEuBfG6dYiKoXqTnM9v5' } },
  async handle({ call, body, answer }, { enrolment }) {
    await enrolment.verifyEmail(call, body.token);
    return answer(204, null);
  },
});
