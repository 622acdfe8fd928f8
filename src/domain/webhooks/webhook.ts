import { Failure } from '../../kernel/failure.ts';
import type { WebhookId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { plainName } from '../../kernel/text.ts';
import { isEventPattern } from './event.ts';

/** Why nothing is sent: somebody switched it off, the receiver answered 410, or nothing got through for days. */
export type DisabledReason = 'manual' | 'gone' | 'failing';

/** A receiver of a tenant's events. */
export type Webhook = {
  id: WebhookId;
  url: string;
  description: string | null;
  /** Names of events and patterns (`user.*`, `*`), sorted. */
  events: readonly string[];
  status: 'active' | 'disabled';
  disabledReason: DisabledReason | null;
  /** Until when the secret before the present one signs too. */
  overlapUntil: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

export type WebhookDraft = {
  url: string;
  events: readonly string[];
  description?: string | null | undefined;
  status?: 'active' | 'disabled' | undefined;
};
export type WebhookChange = { [Field in keyof WebhookDraft]?: WebhookDraft[Field] | undefined };

/** A receiver in the form in which it is stored. */
export type WebhookValues = Pick<Webhook, 'url' | 'description' | 'events' | 'status' | 'disabledReason'>;

const invalid = (field: string, problem: string): never => {
  throw new Failure('invalid_input', { field, problem });
};

/**
 * @param present what is changed, where that is so
 * @param assertUrl the check of the one way out. @throws Failure `invalid_input` with `reason`
 * @throws Failure `invalid_input`
 */
export function checkedWebhook(
  { url, events, description, status }: WebhookDraft,
  assertUrl: (url: string) => void,
  present?: Webhook,
): WebhookValues {
  // A receiver that is there already stays as it is, though the operator may have shut a network since.
  if (url !== present?.url) assertReachable(url, assertUrl);
  return {
    url,
    description:
      description == null
        ? null
        : (plainName(description, LIMITS.descriptionChars) ?? invalid('description', 'must be plain text')),
    events: checkedEvents(events),
    status: status ?? 'active',
    disabledReason: (status ?? 'active') === 'active' ? null : (present?.disabledReason ?? 'manual'),
  };
}

function assertReachable(url: string, assertUrl: (url: string) => void): void {
  if (url.length > LIMITS.egressUrlChars || !/^[\x21-\x7e]+$/.test(url) || /[\\#]/.test(url))
    invalid('url', 'must be an absolute URL of printable ASCII, without a fragment');
  try {
    assertUrl(url);
  } catch (error) {
    if (error instanceof Failure) invalid('url', PROBLEMS[String(error.details['reason'])] ?? 'cannot be called');
    throw error;
  }
}

const PROBLEMS: Readonly<Record<string, string>> = {
  url: 'must be an absolute https URL without a user name',
  port: 'names a port that belongs to something else',
  cleartext: 'must be https',
  address: 'must lead to a public address',
};

/** Each once, sorted. */
function checkedEvents(events: readonly string[]): string[] {
  const sorted = [...new Set(events)].sort();
  if (sorted.length === 0) invalid('events', 'names none');
  if (sorted.length > LIMITS.webhookEvents) invalid('events', `are more than ${LIMITS.webhookEvents}`);
  for (const pattern of sorted) if (!isEventPattern(pattern)) invalid('events', `knows no ${pattern.slice(0, 64)}`);
  return sorted;
}
