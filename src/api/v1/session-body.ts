import { z } from 'zod';
import type { Session } from '../../domain/sessions/session.ts';
import { describeUserAgent } from '../../http/user-agent.ts';
import { time } from './fields.ts';
import { sessionIds } from './ids.ts';

/** A session, as every operation of this contract shows it. */
export const sessionBody = z.object({
  id: sessionIds.text,
  current: z.boolean(),
  createdAt: time,
  lastSeenAt: time,
  expiresAt: time,
  ip: z.string().nullable(),
  userAgent: z.string().nullable(),
  browser: z.string().nullable(),
  device: z.null(),
  clients: z.array(z.string()),
});

export const presentSession = (session: Session, currentUid: string | undefined): z.input<typeof sessionBody> => ({
  id: sessionIds.encode(session.id),
  current: session.id === currentUid,
  createdAt: session.createdAt.toISOString(),
  lastSeenAt: session.lastSeenAt.toISOString(),
  expiresAt: session.expiresAt.toISOString(),
  ip: session.ip ?? null,
  userAgent: session.userAgent ?? null,
  browser: inWords(session.userAgent ?? ''),
  // No session belongs to an enrolled device yet.
  device: null,
  clients: [...session.clients],
});

/** `Firefox, Windows`; null where the header says nothing that we know. */
function inWords(userAgent: string): string | null {
  const { browser, system } = describeUserAgent(userAgent);
  return [browser, system].filter(Boolean).join(', ') || null;
}

export const exampleSession: z.input<typeof sessionBody> = {
  id: 'ses_01HZX3F5T8Q2M4N6P7R9S0V1W4',
  current: true,
  createdAt: '2026-01-01T12:00:00.000Z',
  lastSeenAt: '2026-01-02T09:30:00.000Z',
  expiresAt: '2026-01-15T12:00:00.000Z',
  ip: '192.0.2.7',
  userAgent: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
  browser: 'Firefox, Windows',
  device: null,
  clients: [],
};
