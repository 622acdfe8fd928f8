import { z } from 'zod';
import { PUBLISH_AFTER_USE, PUBLISH_BEFORE_USE, SIGNING_ALGS, type SigningKey } from '../../domain/keys/signing-key.ts';
import { operation } from '../operation.ts';
import { time } from './fields.ts';

type Shown = Omit<SigningKey, 'privateJwk'>;

const keyBody = z.object({
  kid: z.string(),
  alg: z.enum(SIGNING_ALGS),
  use: z.literal('sig'),
  status: z.enum(['next', 'active', 'retired']),
  createdAt: time,
  retiresAt: time.nullable(),
  publishedUntil: time.nullable(),
});
const keysBody = z.object({ data: z.array(keyBody) });

const later = (from: Date, seconds: number) => new Date(from.getTime() + seconds * 1000).toISOString();

/** An active key retires when the next one has been published for long enough; without a next one nobody knows when. */
function presentKeys(keys: readonly Shown[]): z.input<typeof keysBody> {
  const retirement = ({ alg, status, retiredAt }: Shown): string | null => {
    const next = keys.find((key) => key.alg === alg && key.status === 'next');
    if (status === 'active') return next ? later(next.createdAt, PUBLISH_BEFORE_USE) : null;
    return retiredAt?.toISOString() ?? null;
  };
  const data = keys.map((key) => ({
    kid: key.kid,
    alg: key.alg,
    use: 'sig' as const,
    status: key.status,
    createdAt: key.createdAt.toISOString(),
    retiresAt: retirement(key),
    publishedUntil: key.retiredAt ? later(key.retiredAt, PUBLISH_AFTER_USE) : null,
  }));
  return { data };
}

const exampleKeys: z.input<typeof keysBody> = {
  data: [
    {
      kid: 'zJ3kq0mYtq8VQ2n1',
      alg: 'RS256',
      use: 'sig',
      status: 'active',
      createdAt: '2026-01-01T12:00:00.000Z',
      retiresAt: '2026-03-01T13:05:00.000Z',
      publishedUntil: null,
    },
    {
      kid: 'p0S9sWl2bTqk4xYv',
      alg: 'RS256',
      use: 'sig',
      status: 'next',
      createdAt: '2026-03-01T12:00:00.000Z',
      retiresAt: null,
      publishedUntil: null,
    },
  ],
};

export const keys = operation({
  method: 'GET',
  path: '/api/v1/keys',
  summary: 'List the signing keys',
  description:
    'The tenant’s own, with what each is for now: `next` is published and does not sign yet, `active` signs, `retired` is published until `publishedUntil`, so that what it signed can be verified. `retiresAt` is when an active key stops signing, once that is known.',
  access: 'tenant-admin',
  answers: { 200: keysBody },
  failures: [],
  example: { answer: exampleKeys },
  async handle({ call, answer }, { signingKeys }) {
    const present = await signingKeys.list(call);
    if (present.length > 0) return answer(200, presentKeys(present));
    await signingKeys.keysOf(call);
    return answer(200, presentKeys(await signingKeys.list(call)));
  },
});

export const rotateKeys = operation({
  method: 'POST',
  path: '/api/v1/keys/rotate',
  summary: 'Replace the signing keys',
  description: `Publishes the next key of each algorithm. It begins to sign ${PUBLISH_BEFORE_USE / 60} minutes later, when no verifier can have an older copy of the JWK Set; the one before stays published until every token that it signed is dead. While a next key waits, asking again changes nothing.`,
  access: 'tenant-admin',
  answers: { 200: keysBody },
  failures: [],
  idempotent: 'honoured',
  example: { answer: exampleKeys },
  async prepare({ call }, { signingKeys }) {
    await signingKeys.keysOf(call);
    return signingKeys.makeNext();
  },
  async handle({ call, ready, answer }, { signingKeys }) {
    await signingKeys.rotate(call, ready);
    return answer(200, presentKeys(await signingKeys.list(call)));
  },
});
