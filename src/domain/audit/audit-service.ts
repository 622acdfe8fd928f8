import { batchesOf } from '../../kernel/batches.ts';
import { idOfActor, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { newId, type TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import * as store from './audit-store.ts';

/** What an audit event says beside its action. */
export type AuditNote = {
  /** What was acted on: `user:<id>`, `client:<client id>`, `role:<name>`. */
  target?: string;
  /** Small facts. Keys that sound like a secret are dropped, at any depth; a refusal's code goes under `reason`. */
  details?: Record<string, unknown>;
};

/** The part of a line that comes from the call: who, when, from where, and the line's id. */
export type AuditAuthor = store.AuditAuthor;

/** An event of one of several tenants, for work across tenants. */
export type AuditEvent = AuditNote & { tenantId: TenantId; action: string };

const SECRET = /password|passphrase|secret|token|code|hash|cookie|assertion|private|sealed/i;
const DEPTH = 4;

/** Who is told of each event in the transaction that writes it down: what they write is kept with it, or not at all. */
export type AuditListener = {
  tell(tx: OperatorCall, events: readonly AuditEvent[]): Promise<void>;
  /** Whether they have to be told; a line that has no transaction then gets one. */
  mayBeWanted(event: AuditEvent): boolean;
};

export function createAuditService({ listener }: { listener?: AuditListener } = {}) {
  /** Writes events of several tenants in the caller's operator transaction. */
  async function recordAll(tx: OperatorCall, events: readonly AuditEvent[]): Promise<void> {
    for (const batch of batchesOf(events, LIMITS.batchRows)) {
      await store.insert(
        tx,
        batch.map((event) => toRow(tx, event)),
      );
      await listener?.tell(tx, batch);
    }
  }

  return {
    recordAll,

    authorOf,

    /**
     * Writes one line of the tenant's audit trail in the caller's transaction: both are kept, or neither. Where there is
     * nothing else to keep, the call need not be in one.
     */
    async record(call: TenantCall, action: string, note: AuditNote = {}): Promise<void> {
      const event = { ...note, tenantId: call.tenantId, action };
      const write = async (tx: TenantCall) => {
        await store.add(tx, toRow(tx, event));
        await listener?.tell(tx, [event]);
      };
      if (call.db.isTransaction) return write(call);
      if (listener?.mayBeWanted(event)) return inTransaction(call, write);
      await store.add(call, toRow(call, event));
    },

    /**
     * Writes one line about a refusal, in a transaction of its own: the refused one is rolled back. Takes the call as
     * it came from the face; the call of an open transaction is a mistake of ours and throws.
     */
    async recordRefusal(call: TenantCall, action: string, note: AuditNote = {}): Promise<void> {
      if (call.db.isTransaction) throw new Error(`the refusal ${action} would be rolled back with its transaction`);
      await store.add(call, toRow(call, { ...note, tenantId: call.tenantId, action }));
    },
  };
}

export type AuditService = ReturnType<typeof createAuditService>;

/** Who did something, when and from where, as a line says it; a line that the database writes is told it. */
function authorOf({ actor, now, origin }: OperatorCall): store.AuditAuthor {
  return {
    id: newId(),
    at: now,
    actorKind: actor.kind,
    actorId: idOfActor(actor),
    ip: origin?.ip ?? null,
    userAgent: origin ? plain(origin.userAgent).slice(0, LIMITS.userAgentChars) : null,
    requestId: origin ? plain(origin.requestId) : null,
  };
}

function toRow(call: OperatorCall, event: AuditEvent): store.AuditRow {
  return {
    ...authorOf(call),
    tenantId: event.tenantId,
    action: event.action,
    target: event.target === undefined ? null : plain(event.target),
    details: harmless(event.details ?? {}, DEPTH) as Record<string, unknown>,
  };
}

/** PostgreSQL takes neither NUL nor half a surrogate pair; a line stays short. */
function plain(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd').slice(0, LIMITS.auditTextChars);
}

/** The details without what may be a secret, and no deeper than `depth`. */
function harmless(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return plain(value);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? value.toString() : value;
  if (depth === 0) return '…';
  if (Array.isArray(value)) return value.slice(0, LIMITS.auditListItems).map((item) => harmless(item, depth - 1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !SECRET.test(key))
      .map(([key, item]) => [plain(key), harmless(item, depth - 1)]),
  );
}
