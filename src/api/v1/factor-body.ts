import { z } from 'zod';
import type { Factor } from '../../domain/factors/factor.ts';
import { time } from './fields.ts';
import { factorIds } from './ids.ts';

/** A second factor, as its owner sees it. */
export const factorBody = z.object({
  id: factorIds.text,
  kind: z.enum(['totp', 'webauthn']),
  name: z.string().nullable(),
  createdAt: time,
  lastUsedAt: time.nullable(),
  backedUp: z.boolean().nullable(),
  flagged: z
    .boolean()
    .describe('A copy of the passkey was noticed. It proves nothing any more, and should be removed.'),
});

export const presentFactor = (factor: Factor): z.input<typeof factorBody> => ({
  id: factorIds.encode(factor.id),
  kind: factor.kind,
  name: factor.name ?? null,
  createdAt: factor.createdAt.toISOString(),
  lastUsedAt: factor.lastUsedAt?.toISOString() ?? null,
  backedUp: factor.backedUp ?? null,
  flagged: factor.flagged,
});

export const exampleFactor: z.input<typeof factorBody> = {
  id: 'fac_01HZX3F5T8Q2M4N6P7R9S0V1W6',
  kind: 'totp',
  name: null,
  createdAt: '2026-01-01T12:00:00.000Z',
  lastUsedAt: '2026-01-02T09:30:00.000Z',
  backedUp: null,
  flagged: false,
};
