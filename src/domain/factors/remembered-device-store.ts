import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';

/** Remembers a browser until `until`, and forgets the oldest beyond `most`. */
export async function remember(
  { db, tenantId, now, origin }: TenantCall,
  userId: UserId,
  { device, until, most }: { device: Buffer; until: Date; most: number },
): Promise<void> {
  const row = { user_agent: origin?.userAgent ?? null, created_at: now, expires_at: until };
  await db('remembered_devices')
    .insert({ tenant_id: tenantId, user_id: userId, device, ...row })
    .onConflict(['tenant_id', 'user_id', 'device'])
    .merge(row);
  const kept = db('remembered_devices')
    .where({ tenant_id: tenantId, user_id: userId })
    .orderBy('created_at', 'desc')
    .limit(most)
    .select('device');
  await db('remembered_devices')
    .where({ tenant_id: tenantId, user_id: userId })
    .andWhere((row) => row.where('expires_at', '<', now).orWhereNotIn('device', kept))
    .delete();
}

export type RememberedRow = { device: Buffer; user_agent: string | null; created_at: Date; expires_at: Date };

/** The browsers that are remembered now, the latest first. */
export async function listOf({ db, tenantId, now }: TenantCall, userId: UserId): Promise<RememberedRow[]> {
  return db('remembered_devices')
    .where({ tenant_id: tenantId, user_id: userId })
    .andWhere('expires_at', '>', now)
    .orderBy([{ column: 'created_at', order: 'desc' }, 'device'])
    .select('device', 'user_agent', 'created_at', 'expires_at');
}

/** Forgets one browser; false: it was not remembered. */
export async function forget({ db, tenantId }: TenantCall, userId: UserId, device: Buffer): Promise<boolean> {
  return (await db('remembered_devices').where({ tenant_id: tenantId, user_id: userId, device }).delete()) === 1;
}

/** Forgets every browser of a person. @returns how many there were */
export async function forgetAll({ db, tenantId }: TenantCall, userId: UserId): Promise<number> {
  return db('remembered_devices').where({ tenant_id: tenantId, user_id: userId }).delete();
}
