import { randomUUIDv7 } from 'node:crypto';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type TenantId = Branded<'tenant'>;
export type UserId = Branded<'user'>;
export type RoleId = Branded<'role'>;
export type PermissionId = Branded<'permission'>;
export type NodeId = Branded<'node'>;
export type ApiId = Branded<'api'>;
export type ApiKeyId = Branded<'api-key'>;
export type SessionId = Branded<'session'>;
export type FactorId = Branded<'factor'>;
export type ChallengeId = Branded<'challenge'>;
export type EmailTokenId = Branded<'email-token'>;
export type DeliveryId = Branded<'delivery'>;
export type AuditId = Branded<'audit'>;
export type WebhookId = Branded<'webhook'>;
export type EventId = Branded<'event'>;
export type WebhookDeliveryId = Branded<'webhook-delivery'>;
export type JobId = Branded<'job'>;
export type ErasureId = Branded<'erasure'>;
export type InviteId = Branded<'invite'>;
export type JobFileId = Branded<'job-file'>;

/** The moment of the latest id, as its first 48 bits are written, and how many there were in it before. */
let moment = '';
let before = 0;

/**
 * A new UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, a count of 12 bits within them, 62 random bits. Each is greater
 * than all that this process made before (§6.2, method 1): rows of one moment lie together in an index, and the lines of
 * an audit trail stay in the order in which they were written.
 */
export function newId<Id extends string>(): Id {
  const fresh = randomUUIDv7();
  const now = fresh.slice(0, 13);
  if (now > moment) [moment, before] = [now, 0];
  else if (before < 0xfff) before += 1;
  else [moment, before] = [momentAfter(moment), 0];
  return `${moment}-7${before.toString(16).padStart(3, '0')}${fresh.slice(18)}` as Id;
}

function momentAfter(one: string): string {
  const next = (Number.parseInt(one.replace('-', ''), 16) + 1).toString(16).padStart(12, '0');
  return `${next.slice(0, 8)}-${next.slice(8)}`;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a string is a UUID as PostgreSQL writes it: lower case, with hyphens. */
export function isUuid(value: string): boolean {
  return UUID.test(value);
}
