import { z } from 'zod';
import type { Answer } from '../../domain/factors/challenge-service.ts';
import { siteOf } from '../../domain/factors/webauthn.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { changerOf, RECENT } from './changer.ts';
import { code, exampleFactor, factorBody, presentFactor } from './factor-body.ts';
import { challengeIds, factorIds } from './ids.ts';
import { AUTH_RATE, ME_RATE } from './rates.ts';
import { tokensOf, UNFINISHED } from './signed-in.ts';
import { exampleTokens, tokenBody } from './token-body.ts';
import { assertion } from './webauthn-body.ts';

export const mfaVerify = operation({
  method: 'POST',
  path: '/api/v1/auth/mfa/verify',
  summary: 'Finish a sign-in with a second factor',
  description:
    'Answers the challenge of a login that ended with `IDENT_MFA_REQUIRED`, from the program or browser that logged in: with `code`, or for `webauthn` with the `assertion` that `POST /api/v1/auth/mfa/webauthn/options` has asked for. Five wrong answers end the challenge; a code is good for one use. After too many wrong ones the account takes no codes of applications for a while (429), but backup codes still.',
  access: 'proof',
  body: z
    .strictObject({
      challengeId: challengeIds.schema,
      factor: z.enum(['totp', 'email', 'sms', 'backup_code', 'webauthn']),
      code: code.optional(),
      assertion: assertion.optional(),
    })
    .refine((given) => (given.factor === 'webauthn' ? given.code === undefined : given.code !== undefined), {
      path: ['code'],
      error: 'goes with every factor but webauthn',
    })
    .refine((given) => (given.factor === 'webauthn') === (given.assertion !== undefined), {
      path: ['assertion'],
      error: 'goes with webauthn, and with no other factor',
    }),
  answers: { 200: tokenBody },
  failures: [
    'factor_wrong',
    'challenge_ended',
    'factor_not_allowed',
    'sign_in_expired',
    'invalid_credentials',
    ...UNFINISHED,
  ],
  rate: [AUTH_RATE],
  example: {
    body: { challengeId: 'chl_01HZX3F5T8Q2M4N6P7R9S0V1W5', factor: 'totp', code: '123456' },
    answer: exampleTokens,
  },
  async handle({ call, body, browser, answer }, services) {
    const { signIn, challenges } = services;
    const tenantId = call.tenantId ?? (await challenges.tenantOf(call, body.challengeId));
    if (!tenantId) throw new Failure('challenge_ended');
    const { challengeId, factor, code = '', assertion: signed } = body;
    const asked = { challengeId, browser: undefined };
    const given: Answer =
      factor === 'webauthn'
        ? { ...asked, factor, assertion: signed, site: siteOf(browser.origin()) }
        : { ...asked, factor, code };
    const outcome = await signIn.withFactor({ ...call, tenantId }, { ...given, deviceCookie: browser.device() });
    return answer(200, await tokensOf(call, outcome, browser, services));
  },
});

export const listFactors = operation({
  method: 'GET',
  path: '/api/v1/me/mfa',
  summary: 'Your second factors',
  access: 'signed-in',
  answers: { 200: z.object({ data: z.array(factorBody), backupCodesLeft: z.int() }) },
  failures: [],
  rate: [ME_RATE],
  example: { answer: { data: [exampleFactor], backupCodesLeft: 10 } },
  async handle({ call, answer }, { factors }) {
    const { userId } = call.actor;
    const data = (await factors.list(call, userId)).map(presentFactor);
    return answer(200, { data, backupCodesLeft: await factors.backupCodesLeft(call, userId) });
  },
});

export const totpEnroll = operation({
  method: 'POST',
  path: '/api/v1/me/mfa/totp/enroll',
  summary: 'Begin to enrol an authenticator application',
  description: `The secret is shown this once; it counts when it is confirmed, within fifteen minutes. ${RECENT}`,
  access: 'signed-in',
  answers: {
    200: z.object({ factorId: factorIds.text, secret: z.string(), provisioningUri: z.string(), qrCode: z.string() }),
  },
  failures: ['reauthentication_required', 'factor_not_allowed', 'user_not_found'],
  rate: [ME_RATE],
  example: {
    answer: {
      factorId: exampleFactor.id,
      secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
      provisioningUri: 'otpauth://totp/Acme:ann%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Acme',
      qrCode: 'data:image/png;base64,iVBORw0KGgo…',
    },
  },
  async handle({ call, answer }, { factors }) {
    const { factorId, ...shown } = await factors.enrolTotp(call, changerOf(call));
    return answer(200, { factorId: factorIds.encode(factorId), ...shown });
  },
});

export const totpConfirm = operation({
  method: 'POST',
  path: '/api/v1/me/mfa/totp/confirm',
  summary: 'Confirm an authenticator application',
  description: `Takes the first code it shows. It replaces an earlier application; with the first factor come ten backup codes, shown this once. ${RECENT}`,
  access: 'signed-in',
  body: z.strictObject({ factorId: factorIds.schema, code }),
  answers: { 200: z.object({ factorId: factorIds.text, backupCodes: z.array(z.string()).optional() }) },
  failures: ['factor_wrong', 'factor_not_found', 'reauthentication_required', 'factor_not_allowed', 'user_not_found'],
  rate: [ME_RATE],
  example: {
    body: { factorId: exampleFactor.id, code: '123456' },
    answer: { factorId: exampleFactor.id, backupCodes: ['7K3F0-9QX2M-H04VT'] },
  },
  async handle({ call, body, answer }, { factors }) {
    const { factorId, backupCodes } = await factors.confirmTotp(call, changerOf(call), body);
    return answer(200, { factorId: factorIds.encode(factorId), ...(backupCodes && { backupCodes }) });
  },
});

export const backupCodes = operation({
  method: 'POST',
  path: '/api/v1/me/mfa/backup-codes',
  summary: 'Get new backup codes',
  description: `The earlier ones are dead at once. ${RECENT}`,
  access: 'signed-in',
  answers: { 200: z.object({ codes: z.array(z.string()) }) },
  failures: ['factor_not_found', 'reauthentication_required', 'factor_not_allowed', 'user_not_found'],
  rate: [ME_RATE],
  example: { answer: { codes: ['7K3F0-9QX2M-H04VT'] } },
  handle: async ({ call, answer }, { factors }) =>
    answer(200, { codes: await factors.renewBackupCodes(call, changerOf(call)) }),
});

export const renameFactor = operation({
  method: 'PATCH',
  path: '/api/v1/me/mfa/:factorId',
  summary: 'Rename a second factor',
  access: 'signed-in',
  params: z.strictObject({ factorId: factorIds.schema }),
  body: z.strictObject({ name: z.string().min(1).max(LIMITS.nameChars) }),
  answers: { 200: factorBody },
  failures: ['factor_not_found'],
  rate: [ME_RATE],
  example: {
    params: { factorId: exampleFactor.id },
    body: { name: 'My phone' },
    answer: { ...exampleFactor, name: 'My phone' },
  },
  async handle({ call, params, body, answer }, { factors }) {
    return answer(200, presentFactor(await factors.rename(call, call.actor.userId, params.factorId, body.name)));
  },
});

export const deleteFactor = operation({
  method: 'DELETE',
  path: '/api/v1/me/mfa/:factorId',
  summary: 'Remove a second factor',
  description: `With the last one go the backup codes. The last passkey of somebody without a password stays. ${RECENT}`,
  access: 'signed-in',
  params: z.strictObject({ factorId: factorIds.schema }),
  answers: { 204: null },
  failures: ['factor_not_found', 'reauthentication_required', 'factor_mandatory', 'passkey_last', 'user_not_found'],
  rate: [ME_RATE],
  example: { params: { factorId: exampleFactor.id } },
  async handle({ call, params, answer }, { factors }) {
    await factors.remove(call, changerOf(call), params.factorId);
    return answer(204, null);
  },
});
