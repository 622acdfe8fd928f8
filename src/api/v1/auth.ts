import { z } from 'zod';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { email, password } from './fields.ts';
import { AUTH_RATE, LOGIN_RATE } from './rates.ts';
import { tokensOf, UNFINISHED } from './signed-in.ts';
import { dropRefreshToken, exampleTokens, keptRefreshToken, presentTokens, tokenBody } from './token-body.ts';

export const login = operation({
  method: 'POST',
  path: '/api/v1/auth/login',
  summary: 'Sign in with a password',
  description:
    'The answer is the same for an unknown e-mail address, a wrong password and an account that may not sign in. Where no tenant is named, the only active account with that address is meant; where the password opens several, 409 lists their tenants. Where a second factor is needed, 401 `IDENT_MFA_REQUIRED` has the `challengeId` and the `factors` to answer it with. The refresh token is set as a cookie too.',
  access: 'anonymous',
  body: z.strictObject({ email, password, deviceFingerprint: z.string().max(LIMITS.userAgentChars).optional() }),
  answers: { 200: tokenBody },
  failures: ['invalid_credentials', 'tenant_choice', ...UNFINISHED],
  rate: [LOGIN_RATE, AUTH_RATE],
  example: { body: { email: 'ann@example.com', password: 'correct horse battery staple' }, answer: exampleTokens },
  async handle({ call, body, browser, answer }, services) {
    const { signIn } = services;
    const { email: identifier, password: typed, deviceFingerprint: fingerprint } = body;
    const presented = { identifier, password: typed, deviceCookie: browser.device(), fingerprint };
    const { tenantId } = call;
    const outcome = await (tenantId
      ? signIn.withPassword({ ...call, tenantId }, presented)
      : signIn.withPasswordAnywhere(call, presented));
    return answer(200, await tokensOf(call, outcome, browser, services));
  },
});

export const refresh = operation({
  method: 'POST',
  path: '/api/v1/auth/refresh',
  summary: 'Exchange a refresh token',
  description:
    'The refresh token comes in the body or, from a browser, in the cookie that login has set. It is good for one use; a token that is used twice ends its session, unless the same device asks again within seconds.',
  access: 'proof',
  body: z.strictObject({ refreshToken: z.string().max(LIMITS.accessTokenChars).optional() }).optional(),
  answers: { 200: tokenBody },
  failures: ['refresh_invalid', 'refresh_replay', 'forbidden'],
  rate: [AUTH_RATE],
  example: { body: { refreshToken: 'rt_…' }, answer: exampleTokens },
  async handle({ call, body, browser, answer }, services) {
    const refreshToken = body?.refreshToken ?? keptRefreshToken(browser);
    if (!refreshToken) throw new Failure('refresh_invalid');
    return answer(200, presentTokens(await services.tokens.refresh(call, refreshToken), browser));
  },
});

export const logout = operation({
  method: 'POST',
  path: '/api/v1/auth/logout',
  summary: 'End this session',
  access: 'signed-in',
  answers: { 204: null },
  failures: [],
  async handle({ call, browser, answer }, { sessions }) {
    await sessions.endByUid(call, call.actor.sessionUid, 'sign_out');
    dropRefreshToken(browser);
    return answer(204, null);
  },
});

export const logoutAll = operation({
  method: 'POST',
  path: '/api/v1/auth/logout-all',
  summary: 'End every session of yours',
  access: 'signed-in',
  answers: { 204: null },
  failures: [],
  async handle({ call, browser, answer }, { sessions }) {
    await sessions.endAll(call, call.actor.userId);
    dropRefreshToken(browser);
    return answer(204, null);
  },
});
