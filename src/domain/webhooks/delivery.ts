import type { EventId, WebhookDeliveryId, WebhookId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';

/** One message on its way to one receiver, or arrived there, or given up. */
export type Delivery = {
  id: WebhookDeliveryId;
  webhookId: WebhookId;
  /** What receivers see as `webhook-id`: the same at each attempt, and for all receivers. */
  eventId: EventId;
  event: string;
  state: 'pending' | 'delivered' | 'failed';
  attempts: number;
  /** The status that the last attempt was answered with. */
  responseStatus: number | null;
  /** Why the last attempt failed. */
  error: string | null;
  createdAt: Date;
  attemptedAt: Date | null;
  nextAttemptAt: Date | null;
  finishedAt: Date | null;
};

/** What became of one request to a receiver. */
export type Answer = { status: number; retryAfter: string | null } | { error: string };

/** Sends a request to a receiver by the one way out, and gives the head of its answer. Throws where there was none. */
export type SendToReceiver = (request: {
  url: string;
  headers: Record<string, string>;
  body: string;
  signal: AbortSignal;
}) => Promise<{ status: number; retryAfter: string | null }>;

/** What the worker does with its row: it is done, it comes back (not before `waitMs`, where the receiver asks), or never. */
export type Outcome =
  | { kind: 'done' }
  | { kind: 'again'; error: string; waitMs: number | undefined }
  | { kind: 'never'; error: string };

/** What an answer means (Standard Webhooks): nothing but 2xx is a success, and 410 is a farewell. */
export type Verdict = { kind: 'taken' } | { kind: 'gone' | 'refused'; error: string; waitMs: number | undefined };

/** Statuses by which a receiver says that it has too much to do; 503 only where it says for how long. */
const BUSY = new Set([429, 502, 504]);

export function verdictOf(answer: Answer, now: Date): Verdict {
  if ('error' in answer) return { kind: 'refused', error: answer.error, waitMs: undefined };
  const { status } = answer;
  if (status >= 200 && status < 300) return { kind: 'taken' };
  if (status === 410) return { kind: 'gone', error: 'HTTP 410', waitMs: undefined };
  const asked = status === 503 || BUSY.has(status) ? retryAfterMs(answer.retryAfter, now) : undefined;
  const waitMs = asked ?? (BUSY.has(status) ? LIMITS.webhookBusyMs : undefined);
  return { kind: 'refused', error: `HTTP ${status}`, waitMs };
}

/** `Retry-After` in milliseconds from now, at most `LIMITS.webhookRetryAfterMs`; seconds or a date (RFC 9110 §10.2.3). */
export function retryAfterMs(value: string | null, now: Date): number | undefined {
  if (value === null || value.length > 64) return undefined;
  const ms = /^\d{1,10}$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now.getTime();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LIMITS.webhookRetryAfterMs);
}
