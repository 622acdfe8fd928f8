import { z } from 'zod';
import type { Factor } from '../../domain/factors/factor.ts';
import type { Changer } from '../../domain/factors/factor-service.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation, type UserCall } from '../operation.ts';
import { time } from './fields.ts';
import { challengeIds, factorIds } from './ids.ts';
import { AUTH_RATE, ME_RATE } from './rates.ts';
import { tokensOf, UNFINISHED } from './signed-in.ts';
import { exampleTokens, tokenBody } from './token-body.ts';

const code = z.string().min(1).max(LIMITS.factorCodeChars);

export const mfaVerify = operation({
  method: 'POST',
  path: '/api/v1/auth/mfa/verify',
  summary: 'Finish a sign-in with a second factor',
  description:
    'Answers the challenge of a login that ended with `IDENT_MFA_REQUIRED`, from the program or browser that logged in. Five wrong codes end the challenge; a code is good for one use. After too many wrong ones the account takes no codes of applications for a while (429), but backup codes still.',
  access: 'proof',
  body: z.strictObject({ challengeId: challengeIds.schema, factor: z.enum(['totp', 'backup_code']), code }),
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
    const given = { ...body, browser: undefined, deviceCookie: browser.device() };
    const outcome = await signIn.withFactor({ ...call, tenantId }, given);
    return answer(200, await tokensOf(call, outcome, browser, services));
  },
});

const factorBody = z.object({
  id: factorIds.text,
  kind: z.enum(['totp', 'webauthn']),
  name: z.string().nullable(),
  createdAt: time,
  lastUsedAt: time.nullable(),
  backedUp: z.boolean().nullable(),
});

const presentFactor = (factor: Factor): z.input<typeof factorBody> => ({
  id: factorIds.encode(factor.id),
  kind: factor.kind,
  name: factor.name ?? null,
  createdAt: factor.createdAt.toISOString(),
  lastUsedAt: factor.lastUsedAt?.toISOString() ?? null,
  backedUp: factor.backedUp ?? null,
});

const exampleFactor: z.input<typeof factorBody> = {
  id: 'fac_01HZX3F5T8Q2M4N6P7R9S0V1W6',
  kind: 'totp',
  name: null,
  createdAt: '2026-01-01T12:00:00.000Z',
  lastUsedAt: '2026-01-02T09:30:00.000Z',
  backedUp: null,
};

const RECENT =
  'Asks for a login no older than ten minutes, with the second factor where there was one; else 401 `IDENT_REAUTHENTICATION_REQUIRED`.';

const changerOf = ({ actor }: UserCall): Changer => ({ userId: actor.userId, sessionUid: actor.sessionUid });

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

export const deleteFactor = operation({
  method: 'DELETE',
  path: '/api/v1/me/mfa/:factorId',
  summary: 'Remove a second factor',
  description: `With the last one go the backup codes. ${RECENT}`,
  access: 'signed-in',
  params: z.strictObject({ factorId: factorIds.schema }),
  answers: { 204: null },
  failures: ['factor_not_found', 'reauthentication_required', 'factor_mandatory', 'user_not_found'],
  rate: [ME_RATE],
  example: { params: { factorId: exampleFactor.id } },
  async handle({ call, params, answer }, { factors }) {
    await factors.remove(call, changerOf(call), params.factorId);
    return answer(204, null);
  },
});
