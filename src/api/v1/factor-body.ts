import { z } from 'zod';
import type { Factor } from '../../domain/factors/factor.ts';
import { isChannel } from '../../domain/factors/sent-code.ts';
import { masked } from '../../domain/factors/sent-factor-service.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { time } from './fields.ts';
import { factorIds } from './ids.ts';

/** A code as somebody types it. */
export const code = z.string().min(1).max(LIMITS.factorCodeChars);

/** A second factor, as its owner sees it. */
export const factorBody = z.object({
  id: factorIds.text,
  kind: z.enum(['totp', 'webauthn', 'email', 'sms']),
  name: z.string().nullable(),
  createdAt: time,
  lastUsedAt: time.nullable(),
  backedUp: z.boolean().nullable(),
  flagged: z
    .boolean()
    .describe('A copy of the passkey was noticed. It proves nothing any more, and should be removed.'),
  sentTo: z.string().nullable(),
});

export const presentFactor = (factor: Factor): z.input<typeof factorBody> => ({
  id: factorIds.encode(factor.id),
  kind: factor.kind,
  name: factor.name ?? null,
  createdAt: factor.createdAt.toISOString(),
  lastUsedAt: factor.lastUsedAt?.toISOString() ?? null,
  backedUp: factor.backedUp ?? null,
  flagged: factor.flagged,
  sentTo: isChannel(factor.kind) && factor.address !== undefined ? masked(factor.kind, factor.address) : null,
});

export const exampleFactor: z.input<typeof factorBody> = {
  id: 'fac_01HZX3F5T8Q2M4N6P7R9S0V1W6',
  kind: 'totp',
  name: null,
  createdAt: '2026-01-01T12:00:00.000Z',
  lastUsedAt: '2026-01-02T09:30:00.000Z',
  backedUp: null,
  flagged: false,
  sentTo: null,
};
