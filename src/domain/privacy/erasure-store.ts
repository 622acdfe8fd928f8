import { inOperatorTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import type { ErasureId, TenantId, UserId } from '../../kernel/ids.ts';
import type { Erasure } from './erasure.ts';

type Row = { id: ErasureId; user_id: UserId; requested_at: Date; effective_at: Date };

const COLUMNS = ['id', 'user_id', 'requested_at', 'effective_at'] as const;

const toErasure = (row: Row): Erasure => ({
  id: row.id,
  userId: row.user_id,
  requestedAt: row.requested_at,
  effectiveAt: row.effective_at,
});

const open = ({ db, tenantId }: TenantCall) =>
  db('erasures').where({ tenant_id: tenantId }).whereNull('cancelled_at').whereNull('done_at');

export async function insert(
  { db, tenantId, now }: TenantCall,
  wish: { id: ErasureId; userId: UserId; by: string; effectiveAt: Date; reason: string | null },
): Promise<Erasure> {
  const [row] = await db('erasures')
    .insert({
      ...{ tenant_id: tenantId, id: wish.id, user_id: wish.userId, requested_by: wish.by },
      ...{ requested_at: now, effective_at: wish.effectiveAt, reason: wish.reason },
    })
    .returning<Row[]>([...COLUMNS]);
  return toErasure(row as Row);
}

/** The open one of a user. */
export async function find(tx: TenantCall, userId: UserId): Promise<Erasure | undefined> {
  const row: Row | undefined = await open(tx)
    .where({ user_id: userId })
    .first(...COLUMNS);
  return row && toErasure(row);
}

export async function cancel(tx: TenantCall, userId: UserId): Promise<Erasure | undefined> {
  const [row] = await open(tx)
    .where({ user_id: userId })
    .update({ cancelled_at: tx.now, reason: null })
    .returning<Row[]>([...COLUMNS]);
  return row && toErasure(row);
}

/** Holds one that is due until the transaction ends; undefined: it was taken back, or somebody else does it now. */
export async function lockDue(tx: TenantCall, id: ErasureId): Promise<Erasure | undefined> {
  const row: Row | undefined = await open(tx)
    .where({ id })
    .andWhere('effective_at', '<=', tx.now)
    .forUpdate()
    .skipLocked()
    .first(...COLUMNS);
  return row && toErasure(row);
}

export async function finish({ db, tenantId, now }: TenantCall, id: ErasureId): Promise<void> {
  await db('erasures').where({ tenant_id: tenantId, id }).update({ done_at: now, reason: null });
}

export async function postpone(tx: TenantCall, id: ErasureId, effectiveAt: Date): Promise<void> {
  await open(tx).where({ id }).update({ effective_at: effectiveAt });
}

/** What is due in any tenant, the oldest first; `limit` at most. */
export async function listDue(
  call: OperatorCall,
  limit: number,
): Promise<{ tenantId: TenantId; id: ErasureId; userId: UserId }[]> {
  return inOperatorTransaction(call, ({ db, now }) =>
    db('erasures')
      .whereNull('cancelled_at')
      .whereNull('done_at')
      .andWhere('effective_at', '<=', now)
      .orderBy('effective_at')
      .limit(limit)
      .select({ tenantId: 'tenant_id', id: 'id', userId: 'user_id' }),
  );
}
