import { z } from 'zod';
import { operation } from '../operation.ts';
import { time } from './fields.ts';
import { ME_RATE } from './rates.ts';

const clientId = z.string().min(1).max(128);

const applicationBody = z.object({
  clientId,
  name: z.string(),
  logoUrl: z.string().nullable(),
  siteUrl: z.string().nullable(),
  firstParty: z.boolean(),
  scopes: z.array(z.string()),
  apis: z.array(z.object({ identifier: z.string(), scopes: z.array(z.string()) })),
  since: time,
});

const exampleApplication: z.input<typeof applicationBody> = {
  clientId: 'books',
  name: 'Harbour Books',
  logoUrl: null,
  siteUrl: 'https://books.example',
  firstParty: false,
  scopes: ['openid', 'email'],
  apis: [{ identifier: 'https://orders.example', scopes: ['orders:read'] }],
  since: '2026-01-01T12:00:00.000Z',
};

export const myApplications = operation({
  method: 'GET',
  path: '/api/v1/me/applications',
  summary: 'The applications that you have let in',
  description:
    'What each may do, over all that you allowed it. `firstParty`: one of your organisation, which asked nothing.',
  access: 'signed-in',
  answers: { 200: z.object({ data: z.array(applicationBody) }) },
  failures: [],
  rate: [ME_RATE],
  example: { answer: { data: [exampleApplication] } },
  async handle({ call, answer }, { grants }) {
    const found = await grants.list(call, call.actor.userId);
    const data = found.map(({ logoUrl, siteUrl, scopes, apis, since, ...rest }) => ({
      ...rest,
      logoUrl: logoUrl ?? null,
      siteUrl: siteUrl ?? null,
      scopes: [...scopes],
      apis: apis.map((api) => ({ identifier: api.identifier, scopes: [...api.scopes] })),
      since: since.toISOString(),
    }));
    return answer(200, { data });
  },
});

export const removeMyApplication = operation({
  method: 'DELETE',
  path: '/api/v1/me/applications/:clientId',
  summary: 'Take back what you allowed an application',
  description: 'Its codes and tokens stop working at once, those for offline access too; your sessions go on.',
  access: 'signed-in',
  params: z.strictObject({ clientId }),
  answers: { 204: null },
  failures: ['grant_not_found'],
  rate: [ME_RATE],
  example: { params: { clientId: 'books' } },
  async handle({ call, params, answer }, { grants }) {
    await grants.revoke(call, call.actor.userId, params.clientId);
    return answer(204, null);
  },
});
