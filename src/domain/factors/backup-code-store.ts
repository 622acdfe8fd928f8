import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';

/** Puts these codes in the place of all earlier ones. */
export async function replaceAll(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  hashes: readonly Buffer[],
): Promise<void> {
  await removeAll({ db, tenantId }, userId);
  await db('backup_codes').insert(
    hashes.map((hash) => ({ tenant_id: tenantId, user_id: userId, hash, created_at: now })),
  );
}

export async function removeAll({ db, tenantId }: Pick<TenantCall, 'db' | 'tenantId'>, userId: UserId): Promise<void> {
  await db('backup_codes').where({ tenant_id: tenantId, user_id: userId }).delete();
}

/** Uses a code up; false: there is none such. Of two at once the second waits, and finds none. */
export async function use({ db, tenantId }: TenantCall, userId: UserId, hash: Buffer): Promise<boolean> {
  return (await db('backup_codes').where({ tenant_id: tenantId, user_id: userId, hash }).delete()) === 1;
}

export async function count({ db, tenantId }: TenantCall, userId: UserId): Promise<number> {
  const row = await db('backup_codes').where({ tenant_id: tenantId, user_id: userId }).count('* as total').first();
  return Number(row?.['total'] ?? 0);
}
