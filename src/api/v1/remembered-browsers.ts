import { z } from 'zod';
import { operation } from '../operation.ts';
import { time } from './fields.ts';
import { ME_RATE } from './rates.ts';

/** SHA-256 in base64url. */
const id = z.string().regex(/^[\w-]{43}$/);

const browserBody = z.object({
  id,
  current: z.boolean(),
  userAgent: z.string().nullable(),
  createdAt: time,
  expiresAt: time,
});

const exampleBrowser: z.input<typeof browserBody> = {
  id: 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg',
  current: true,
  userAgent: 'Mozilla/5.0 …',
  createdAt: '2026-01-01T12:00:00.000Z',
  expiresAt: '2026-01-31T12:00:00.000Z',
};

export const rememberedBrowsers = operation({
  method: 'GET',
  path: '/api/v1/me/remembered-browsers',
  summary: 'The browsers on which no second factor is asked for',
  access: 'signed-in',
  answers: { 200: z.object({ data: z.array(browserBody) }) },
  failures: [],
  rate: [ME_RATE],
  example: { answer: { data: [exampleBrowser] } },
  async handle({ call, browser, answer }, { rememberedDevices }) {
    const found = await rememberedDevices.list(call, call.actor.userId, browser.device());
    const data = found.map(({ userAgent, createdAt, expiresAt, ...rest }) => ({
      ...rest,
      userAgent: userAgent ?? null,
      createdAt: createdAt.toISOString(),
      expiresAt: expiresAt.toISOString(),
    }));
    return answer(200, { data });
  },
});

export const forgetRememberedBrowser = operation({
  method: 'DELETE',
  path: '/api/v1/me/remembered-browsers/:id',
  summary: 'Forget a browser',
  description: 'The next sign-in there asks for a second factor again; sessions go on.',
  access: 'signed-in',
  params: z.strictObject({ id }),
  answers: { 204: null },
  failures: ['device_not_found'],
  rate: [ME_RATE],
  example: { params: { id: exampleBrowser.id } },
  async handle({ call, params, answer }, { rememberedDevices }) {
    await rememberedDevices.forget(call, call.actor.userId, params.id);
    return answer(204, null);
  },
});

export const forgetRememberedBrowsers = operation({
  method: 'DELETE',
  path: '/api/v1/me/remembered-browsers',
  summary: 'Forget every browser',
  access: 'signed-in',
  answers: { 204: null },
  failures: [],
  rate: [ME_RATE],
  async handle({ call, answer }, { rememberedDevices }) {
    await rememberedDevices.forgetAll(call, call.actor.userId);
    return answer(204, null);
  },
});
