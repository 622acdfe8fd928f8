import { z } from 'zod';
import { Failure } from '../../kernel/failure.ts';
import { operation } from '../operation.ts';
import { changerOf, RECENT } from './changer.ts';
import { code, exampleFactor, factorBody, presentFactor } from './factor-body.ts';
import { challengeIds, factorIds } from './ids.ts';
import { AUTH_RATE, ME_RATE } from './rates.ts';

const channel = z.enum(['email', 'sms']);

export const mfaSend = operation({
  method: 'POST',
  path: '/api/v1/auth/mfa/send',
  summary: 'Send the code of a second factor',
  description:
    'For a challenge of a login that offers `email` or `sms`, from the program or browser that logged in. The latest code counts, for this challenge alone and for ten minutes. Half a minute lies between two codes; there are five for a challenge, and ten in an hour for an account.',
  access: 'proof',
  body: z.strictObject({ challengeId: challengeIds.schema, factor: channel }),
  answers: { 204: null },
  failures: ['challenge_ended', 'factor_not_allowed'],
  rate: [AUTH_RATE],
  example: { body: { challengeId: 'chl_01HZX3F5T8Q2M4N6P7R9S0V1W5', factor: 'email' } },
  async handle({ call, body, answer }, { challenges }) {
    const tenantId = call.tenantId ?? (await challenges.tenantOf(call, body.challengeId));
    if (!tenantId) throw new Failure('challenge_ended');
    await challenges.send({ ...call, tenantId }, { ...body, browser: undefined });
    return answer(204, null);
  },
});

export const codeFactorEnroll = operation({
  method: 'POST',
  path: '/api/v1/me/mfa/:channel/enroll',
  summary: 'Begin to enrol an address for codes',
  description: `Sends a code to your e-mail address, or to a number (your profile’s where it is left out). Premium, service and satellite numbers get none. The last beginning counts, for ten minutes. ${RECENT}`,
  access: 'signed-in',
  params: z.strictObject({ channel }),
  body: z.strictObject({ phoneNumber: z.string().max(32).optional() }).optional(),
  answers: { 200: z.object({ factorId: factorIds.text, sentTo: z.string() }) },
  failures: ['reauthentication_required', 'factor_not_allowed', 'phone_not_allowed', 'user_not_found'],
  rate: [ME_RATE],
  example: {
    params: { channel: 'sms' },
    body: { phoneNumber: '+14155550123' },
    answer: { factorId: exampleFactor.id, sentTo: '+14•••••23' },
  },
  async handle({ call, params, body, answer }, { sentFactors }) {
    const wanted = { channel: params.channel, phoneNumber: body?.phoneNumber };
    const { factorId, sentTo } = await sentFactors.enrol(call, changerOf(call), wanted);
    return answer(200, { factorId: factorIds.encode(factorId), sentTo });
  },
});

export const codeFactorConfirm = operation({
  method: 'POST',
  path: '/api/v1/me/mfa/:channel/confirm',
  summary: 'Confirm an address for codes',
  description: `Takes the code that was sent there; five tries. It replaces an earlier address of its channel; with the first factor come ten backup codes, shown this once. ${RECENT}`,
  access: 'signed-in',
  params: z.strictObject({ channel }),
  body: z.strictObject({ factorId: factorIds.schema, code }),
  answers: { 200: factorBody.extend({ backupCodes: z.array(z.string()).optional() }) },
  failures: ['factor_wrong', 'factor_not_found', 'reauthentication_required', 'factor_not_allowed', 'user_not_found'],
  rate: [ME_RATE],
  example: {
    params: { channel: 'sms' },
    body: { factorId: exampleFactor.id, code: '123456' },
    answer: { ...exampleFactor, kind: 'sms', sentTo: '+14•••••23', backupCodes: ['7K3F0-9QX2M-H04VT'] },
  },
  async handle({ call, params, body, answer }, { factors, sentFactors }) {
    const given = { ...body, channel: params.channel };
    const { factorId, backupCodes } = await sentFactors.confirm(call, changerOf(call), given);
    const factor = (await factors.list(call, call.actor.userId)).find(({ id }) => id === factorId);
    if (!factor) throw new Failure('factor_not_found');
    return answer(200, { ...presentFactor(factor), ...(backupCodes && { backupCodes }) });
  },
});
