import { partsOf } from '../../kernel/batches.ts';
import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { macOf } from './audit-proof.ts';
import type { StoredRecord } from './audit-record.ts';
import * as store from './audit-store.ts';

const GONE = { text: null, salt: null };

/** Whether a record's origin is the person's: they acted, or somebody did who was not known yet. */
const isOrigin = ({ actorKind, actorId, person }: StoredRecord, userId: UserId) =>
  actorKind === 'user' ? actorId === userId : actorKind === 'anonymous' && person === userId;

/**
 * Takes a person's data out of their tenant's trail. The digests stay, and say nothing without their salts; the MAC of each
 * record says that this was done by us.
 */
export async function eraseOf(
  tx: TenantCall,
  userId: UserId,
  deps: { keys: Pick<TenantKeyService, 'keyFor'>; proveLines(tx: TenantCall): Promise<void> },
): Promise<void> {
  await deps.proveLines(tx);
  const key = await deps.keys.keyFor(tx, 'audit');
  // Pending ones first: what is chained in between is found there.
  for (const table of ['audit_pending', 'audit_chain'] as const) {
    const read = () => store.lockOf(tx, table, userId, LIMITS.batchRows);
    for await (const records of partsOf(LIMITS.batchRows, read)) {
      const erased = records.map((record) => {
        const origin = isOrigin(record, userId) ? { ...record.origin, ...GONE } : record.origin;
        const state = record.person === userId ? { ...record.state, ...GONE } : record.state;
        return { ...record, origin, state, mac: macOf(key, record.digest!, { origin, state }) };
      });
      if (erased.length > 0) await store.erase(tx, table, erased);
    }
  }
}
