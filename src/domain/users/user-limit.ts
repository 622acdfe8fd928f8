import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import * as limits from './user-limit-store.ts';
import { insert, type NewUser, type OwnedUser } from './user-store.ts';

/**
 * Writes users, where their tenants have room for them, whatever others make at the same time: every user there is came
 * this way or, from a file, by `roomLeft`. A tenant without a limit (setting `maxUsers`) costs one look and no lock.
 *
 * @throws Failure `tenant_limit`
 */
export async function insertWithinLimit(tx: OperatorCall, users: readonly NewUser[]): Promise<OwnedUser[]> {
  const tenants = users.map(({ tenantId }) => tenantId);
  const limited = await limits.lockLimited(tx, [...new Set(tenants)]);
  // Counted by a statement of its own, that begins when the lock is there: it sees what those before have made.
  for (const { tenantId, max, users: there } of limited.length === 0 ? [] : await limits.roomIn(tx, limited)) {
    const more = tenants.filter((id) => id === tenantId).length;
    if (there + more > max) throw new Failure('tenant_limit', { limit: 'maxUsers', max, tenantId });
  }
  return insert(tx, users);
}

/**
 * How many more users the call's tenant may have, held for the caller's transaction, who then writes no more than that;
 * undefined without a limit.
 */
export async function roomLeft(tx: TenantCall): Promise<number | undefined> {
  const limited = await limits.lockLimited(tx, [tx.tenantId]);
  const [room] = limited.length === 0 ? [] : await limits.roomIn(tx, limited);
  return room && Math.max(0, room.max - room.users);
}

/** Whether the call's tenant has room for one more user at this moment; nothing is held for it. */
export async function hasRoom(call: TenantCall): Promise<boolean> {
  const [room] = await inTransaction(call, (tx) => limits.roomIn(tx, [tx.tenantId]));
  return !room || room.users < room.max;
}
