import { z } from 'zod';
import { siteOf } from '../../domain/factors/webauthn.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { changerOf, RECENT } from './changer.ts';
import { exampleFactor, factorBody, presentFactor } from './factor-body.ts';
import { email } from './fields.ts';
import { challengeIds } from './ids.ts';
import { AUTH_RATE, ME_RATE } from './rates.ts';
import { tokensOf, UNFINISHED } from './signed-in.ts';
import { exampleTokens, tokenBody } from './token-body.ts';
import * as body from './webauthn-body.ts';

const WHERE =
  'The page that asks stands at the host to which the request goes: that host is the RP ID, and no other origin is taken.';

export const mfaWebauthnOptions = operation({
  method: 'POST',
  path: '/api/v1/auth/mfa/webauthn/options',
  summary: 'Ask for what a passkey is to sign as a second factor',
  description: `For the challenge of a login that ended with \`IDENT_MFA_REQUIRED\`, from the program or browser that logged in; the answer goes to \`POST /api/v1/auth/mfa/verify\` within five minutes. ${WHERE}`,
  access: 'proof',
  body: z.strictObject({ challengeId: challengeIds.schema }),
  answers: { 200: body.requestOptions },
  failures: ['challenge_ended', 'factor_not_allowed'],
  rate: [AUTH_RATE],
  example: {
    body: { challengeId: 'chl_01HZX3F5T8Q2M4N6P7R9S0V1W5' },
    answer: { ...body.exampleRequest, allowCredentials: [{ id: 'AZoXzkUA', type: 'public-key' }] },
  },
  async handle({ call, body: { challengeId }, browser, answer }, { challenges }) {
    const tenantId = call.tenantId ?? (await challenges.tenantOf(call, challengeId));
    if (!tenantId) throw new Failure('challenge_ended');
    const asked = { challengeId, browser: undefined };
    const options = await challenges.webauthnOptions({ ...call, tenantId }, asked, siteOf(browser.origin()));
    return answer(200, body.requestOptions.parse(options));
  },
});

export const passkeyOptions = operation({
  method: 'POST',
  path: '/api/v1/auth/passkey/options',
  summary: 'Ask for what a passkey is to sign in the place of a password',
  description: `The answer is the same for everybody: it names no credential, and does not depend on the e-mail address. ${WHERE}`,
  access: 'anonymous',
  body: z.strictObject({ email: email.optional() }).optional(),
  answers: { 200: z.object({ challengeId: challengeIds.text, options: body.requestOptions }) },
  failures: [],
  rate: [AUTH_RATE],
  example: {
    body: {},
    answer: { challengeId: 'chl_01HZX3F5T8Q2M4N6P7R9S0V1W5', options: body.exampleRequest },
  },
  async handle({ call, browser, answer }, { signIn }) {
    const { id, options } = await signIn.passkeyOptions(call, { site: siteOf(browser.origin()) });
    return answer(200, { challengeId: challengeIds.encode(id), options: body.requestOptions.parse(options) });
  },
});

export const passkeyLogin = operation({
  method: 'POST',
  path: '/api/v1/auth/passkey/login',
  summary: 'Sign in with a passkey',
  description:
    'Takes what `POST /api/v1/auth/passkey/options` has asked for, once, within five minutes, from the program or browser that asked. It counts as two factors. Where no tenant is named, it is the passkey’s own. Every refusal of a passkey is the same.',
  access: 'proof',
  body: z.strictObject({ challengeId: challengeIds.schema, assertion: body.assertion }),
  answers: { 200: tokenBody },
  failures: ['passkey_refused', 'challenge_ended', ...UNFINISHED],
  rate: [AUTH_RATE],
  example: {
    body: { challengeId: 'chl_01HZX3F5T8Q2M4N6P7R9S0V1W5', assertion: body.exampleAssertion },
    answer: exampleTokens,
  },
  async handle({ call, body: { challengeId, assertion }, browser, answer }, services) {
    const given = { challengeId, assertion, site: siteOf(browser.origin()), deviceCookie: browser.device() };
    const outcome = await services.signIn.withPasskey(call, given);
    return answer(200, await tokensOf(call, outcome, browser, services));
  },
});

export const webauthnSignals = operation({
  method: 'GET',
  path: '/api/v1/me/mfa/webauthn/signals',
  summary: 'What a browser may be told of your passkeys',
  description:
    'For `signalAllAcceptedCredentials` and `signalCurrentUserDetails` (WebAuthn Level 3 §5.1.10), after a passkey was removed or your name has changed, so that the browser offers no passkey that is gone. Of the host to which the request goes.',
  access: 'signed-in',
  answers: {
    200: z.object({
      rpId: z.string(),
      userId: z.string(),
      allAcceptedCredentialIds: z.array(z.string()),
      name: z.string(),
      displayName: z.string(),
    }),
  },
  failures: ['user_not_found'],
  rate: [ME_RATE],
  example: {
    answer: {
      ...{ rpId: 'id.example.com', userId: 'AZoXzkUAcAGAAAAAAAAAAQ', allAcceptedCredentialIds: ['AZoXzkUA'] },
      ...{ name: 'ann@example.com', displayName: 'Ann Lee' },
    },
  },
  async handle({ call, browser, answer }, { passkeys }) {
    const signal = await passkeys.signal(call, call.actor.userId, siteOf(browser.origin()));
    return answer(200, signal);
  },
});

export const webauthnRegisterOptions = operation({
  method: 'POST',
  path: '/api/v1/me/mfa/webauthn/register/options',
  summary: 'Begin to add a passkey or security key',
  description: `The answer goes to \`POST /api/v1/me/mfa/webauthn/register\` within five minutes. ${WHERE} ${RECENT}`,
  access: 'signed-in',
  answers: { 200: body.creationOptions },
  failures: ['reauthentication_required', 'factor_not_allowed', 'factor_limit', 'user_not_found'],
  rate: [ME_RATE],
  example: { answer: body.exampleCreation },
  async handle({ call, browser, answer }, { passkeys }) {
    const options = await passkeys.registrationOptions(call, changerOf(call), siteOf(browser.origin()));
    return answer(200, body.creationOptions.parse(options));
  },
});

export const webauthnRegister = operation({
  method: 'POST',
  path: '/api/v1/me/mfa/webauthn/register',
  summary: 'Add a passkey or security key',
  description: `Without a name it gets that of a well-known authenticator, if it is one. With the first factor come ten backup codes, shown this once. ${RECENT}`,
  access: 'signed-in',
  body: z.strictObject({ name: z.string().max(LIMITS.nameChars).optional(), response: body.attestation }),
  answers: { 201: factorBody.extend({ backupCodes: z.array(z.string()).optional() }) },
  failures: [
    ...(['challenge_ended', 'passkey_invalid', 'passkey_taken'] as const),
    ...(['reauthentication_required', 'factor_not_allowed', 'factor_limit', 'user_not_found'] as const),
  ],
  rate: [ME_RATE],
  example: {
    body: { name: 'My laptop', response: body.exampleAttestation },
    answer: { ...exampleFactor, kind: 'webauthn', name: 'My laptop', lastUsedAt: null, backedUp: true },
  },
  async handle({ call, body: { name, response }, browser, answer }, { passkeys }) {
    const made = { site: siteOf(browser.origin()), attestation: response, name };
    const { factor, backupCodes } = await passkeys.register(call, changerOf(call), made);
    return answer(201, { ...presentFactor(factor), ...(backupCodes && { backupCodes }) });
  },
});
