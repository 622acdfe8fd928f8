import { batchesOf } from '../../kernel/batches.ts';
import { afterCommit, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { createAuditChain } from './audit-chain.ts';
import { eraseOf } from './audit-erasure.ts';
import type { AuditEvent, AuditNote } from './audit-note.ts';
import { createAuditReading } from './audit-reading.ts';
import { authorOf, type NewRecord, recordOf } from './audit-record.ts';
import { createRetention } from './audit-retention.ts';
import * as store from './audit-store.ts';
import { createWitness } from './audit-witness.ts';

/** Who is told of each event in the transaction that writes it down: what they write is kept with it, or not at all. */
export type AuditListener = {
  tell(tx: OperatorCall, events: readonly AuditEvent[]): Promise<void>;
  /** Whether they have to be told; a record that has no transaction then gets one. */
  mayBeWanted(event: AuditEvent): boolean;
};

type Deps = { keys: Pick<TenantKeyService, 'keyFor'>; listener?: AuditListener | undefined };

/**
 * The audit trail: one record for each change that was acknowledged, in its transaction, and for each refusal that matters.
 * Records are chained a moment later; decision 28 says why.
 */
export function createAuditService({ keys, listener }: Deps) {
  const witness = createWitness();
  const chain = createAuditChain({ keys });

  /** Makes sure of what was written, and notes it once it is kept. */
  function written(call: OperatorCall, records: readonly NewRecord[], count: number): void {
    // A trigger that drops a row raises nothing.
    if (count !== records.length) throw new Error('an audit record was not written');
    afterCommit(call, () => {
      for (const record of records) witness.note(record.tenantId, [record]);
    });
  }

  /** Writes events of several tenants in the caller's operator transaction. */
  async function recordAll(tx: OperatorCall, events: readonly AuditEvent[]): Promise<void> {
    for (const batch of batchesOf(events, LIMITS.batchRows)) {
      const records: NewRecord[] = [];
      for (const event of batch)
        records.push(recordOf(tx, event, await keys.keyFor({ ...tx, tenantId: event.tenantId }, 'audit')));
      written(tx, records, await store.insert(tx, records));
      await listener?.tell(tx, batch);
    }
  }

  async function record(call: TenantCall, action: string, note: AuditNote = {}): Promise<void> {
    const event = { ...note, tenantId: call.tenantId, action };
    const write = async (to: TenantCall) => {
      const made = recordOf(to, event, await keys.keyFor(to, 'audit'));
      written(to, [made], await store.add(to, made));
    };
    const writeAndTell = async (tx: TenantCall) => {
      await write(tx);
      await listener?.tell(tx, [event]);
    };
    if (call.db.isTransaction) return writeAndTell(call);
    return listener?.mayBeWanted(event) ? inTransaction(call, writeAndTell) : write(call);
  }

  return {
    recordAll,

    authorOf,

    /**
     * Writes one record of the tenant's audit trail in the caller's transaction: both are kept, or neither. Where there is
     * nothing else to keep, the call need not be in one.
     */
    record,

    /**
     * Writes one record about a refusal, in a transaction of its own: the refused one is rolled back. Takes the call as
     * it came from the face; the call of an open transaction is a mistake of ours and throws.
     */
    async recordRefusal(call: TenantCall, action: string, note: AuditNote = {}): Promise<void> {
      if (call.db.isTransaction) throw new Error(`the refusal ${action} would be rolled back with its transaction`);
      await record(call, action, note);
    },

    ...chain,
    ...createAuditReading(chain),
    ...createRetention({ keys, record }),

    /**
     * Erases what the trail holds of a person: addresses, devices, and what was before and after. That something was done,
     * when and by which id, stays, and so does the chain.
     */
    erase: (call: TenantCall, userId: UserId): Promise<void> =>
      inTransaction(call, (tx) => eraseOf(tx, userId, { keys, proveLines: chain.proveLines })),

    /** From now on this node looks whether what it wrote comes into the chain; `settle` is called every now and then. */
    watch: witness.watch,

    /**
     * Chains what this node has written. What is found nowhere although it was kept has been deleted by hand: a record of
     * its own tells of it, which `verify` finds.
     *
     * @returns how many records are missing
     */
    async settle(call: OperatorCall): Promise<number> {
      let missing = 0;
      for (const tenantId of witness.tenants()) {
        const own = { ...call, tenantId };
        witness.forget(tenantId, await chain.link(own));
        missing += await reportMissing(own);
      }
      return missing;
    },
  };

  /** What was not chained just now has been chained by another node, waits, or is gone. */
  async function reportMissing(call: TenantCall): Promise<number> {
    const noted = witness.notedOf(call.tenantId);
    if (noted.length === 0) return 0;
    const found = await chain.whereabouts(call, noted);
    const missing = found.flatMap(({ id, place }) => (place === null ? id : []));
    await inTransaction(call, async (tx) => {
      for (const id of missing) await record(tx, 'audit.record_missing', { target: `audit_record:${id}` });
    });
    witness.forget(
      call.tenantId,
      found.flatMap(({ id, place }) => (place === 'pending' ? [] : id)),
    );
    return missing.length;
  }
}

export type AuditService = ReturnType<typeof createAuditService>;
