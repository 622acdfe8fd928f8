import { idOfActor, type OperatorCall, type Origin } from '../../kernel/call.ts';
import { type AuditId, isUuid, newId, type TenantId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type AuditEvent, harmless, plain } from './audit-note.ts';
import { commit, digestOf, macOf, type Recorded } from './audit-proof.ts';

/** A record as it is written. */
export type NewRecord = Recorded & { tenantId: TenantId; digest: Buffer; mac: Buffer };

/** A record as it stands in the database; digest and MAC are null for a line of the database's own that is not chained. */
export type StoredRecord = Recorded & { id: AuditId; digest: Buffer | null; mac: Buffer | null };

/** A record with its place in the chain. */
export type ChainedRecord = StoredRecord & { seq: number; previous: string; hash: Buffer };

/** What a record says of its origin and of what became of its target, as JSON; null where nothing is known, or any more. */
export type RecordOrigin = { ip: string; userAgent: string };
export type RecordState = { before?: object; after?: object; details?: Record<string, unknown> };

/** Microseconds, as PostgreSQL has them. */
export const instant = (at: Date): string => `${at.toISOString().slice(0, -1)}000Z`;

/** `user:<id>` as `user` and the id; a word without a colon is a kind of thing. */
function split(target: string | undefined): Pick<Recorded, 'resource' | 'resourceId'> {
  if (target === undefined) return { resource: null, resourceId: null };
  const at = target.indexOf(':');
  return at < 0
    ? { resource: plain(target), resourceId: null }
    : { resource: plain(target.slice(0, at)), resourceId: plain(target.slice(at + 1)) };
}

/** Whose data a record holds: whom the note is about, or the user it is on. */
function personOf({ about, target, details }: AuditEvent): UserId | null {
  const userId = details?.['userId'];
  const named = about ?? (target?.startsWith('user:') ? target.slice('user:'.length) : userId);
  return typeof named === 'string' && isUuid(named) ? (named as UserId) : null;
}

function originText(origin: Origin | undefined): string | undefined {
  if (!origin) return undefined;
  const { ip, userAgent } = origin;
  const told: RecordOrigin = { ip: plain(ip), userAgent: plain(userAgent).slice(0, LIMITS.userAgentChars) };
  return JSON.stringify(told);
}

function stateText({ before, after, details }: AuditEvent): string | undefined {
  const state: RecordState = {
    ...(before && { before: harmless(before) }),
    ...(after && { after: harmless(after) }),
    ...(details && Object.keys(details).length > 0 && { details: harmless(details) as Record<string, unknown> }),
  };
  return Object.keys(state).length > 0 ? JSON.stringify(state) : undefined;
}

/** Who does something, when and from where, as a line is told that the database itself writes; and the line's id. */
export type AuditAuthor = {
  id: AuditId;
  at: Date;
  actorKind: string;
  actorId: string | null;
  ip: string | null;
  userAgent: string | null;
  requestId: string | null;
};

export function authorOf({ actor, now, origin }: OperatorCall): AuditAuthor {
  return {
    id: newId<AuditId>(),
    at: now,
    actorKind: actor.kind,
    actorId: idOfActor(actor),
    ip: origin?.ip ?? null,
    userAgent: origin ? plain(origin.userAgent).slice(0, LIMITS.userAgentChars) : null,
    requestId: origin ? plain(origin.requestId) : null,
  };
}

/** The record of an event: who, when, from where and in which tenant by the call, never by the note. */
export function recordOf({ actor, now, origin }: OperatorCall, event: AuditEvent, key: Buffer): NewRecord {
  const record = {
    tenantId: event.tenantId,
    id: newId<AuditId>(),
    at: instant(now),
    action: event.action,
    actorKind: actor.kind,
    actorId: idOfActor(actor),
    ...split(event.target),
    requestId: origin ? plain(origin.requestId) : null,
    person: personOf(event),
    origin: commit(originText(origin)),
    state: commit(stateText(event)),
  };
  return withProof(record, key);
}

/** A record with its digest and its MAC. */
export function withProof<R extends Recorded>(record: R, key: Buffer): R & { digest: Buffer; mac: Buffer } {
  const digest = digestOf(record);
  return { ...record, digest, mac: macOf(key, digest, record) };
}

/** A record as it is read. */
export type AuditRecord = {
  id: AuditId;
  /** ISO 8601 in UTC, to the microsecond. */
  at: string;
  actor: { kind: string; id: string | null };
  action: string;
  resource: string | null;
  resourceId: string | null;
  requestId: string | null;
  ip: string | null;
  userAgent: string | null;
  before: object | null;
  after: object | null;
  details: Record<string, unknown>;
  /** Its hash in the chain, in hexadecimal; null for one that was written this moment. */
  hash: string | null;
};

const parsed = <T>(text: string | null): Partial<T> => (text === null ? {} : (JSON.parse(text) as T));

export function presentRecord(stored: StoredRecord & { hash: Buffer | null }): AuditRecord {
  const { ip, userAgent } = parsed<RecordOrigin>(stored.origin.text);
  const { before, after, details } = parsed<RecordState>(stored.state.text);
  return {
    id: stored.id,
    at: stored.at,
    actor: { kind: stored.actorKind, id: stored.actorId },
    action: stored.action,
    resource: stored.resource,
    resourceId: stored.resourceId,
    requestId: stored.requestId,
    ip: ip ?? null,
    userAgent: userAgent ?? null,
    before: before ?? null,
    after: after ?? null,
    details: details ?? {},
    hash: stored.hash?.toString('hex') ?? null,
  };
}
