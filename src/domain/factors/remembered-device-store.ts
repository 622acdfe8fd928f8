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

export async function forgetAll({ db, tenantId }: TenantCall, userId: UserId): Promise<void> {
  await db('remembered_devices').where({ tenant_id: tenantId, user_id: userId }).delete();
}
