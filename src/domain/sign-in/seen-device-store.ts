import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';

/** How a device was found: for the first time, again, or so lately that nothing was written. */
export type Sighting = { isFresh: boolean; toldAt: Date | undefined } | undefined;

/** Notes that a device is there. Once in so many milliseconds at most: programs that log in all the time write nothing. */
export async function see(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  print: Buffer,
  eachMs: number,
): Promise<Sighting> {
  const { rows } = await db.raw<{ rows: { fresh: boolean; told_at: Date | null }[] }>(
    `insert into seen_devices as s (tenant_id, user_id, print, seen_at) values (?, ?, ?, ?)
       on conflict (tenant_id, user_id, print) do update set seen_at = excluded.seen_at where s.seen_at <= ?
     returning s.xmax = 0 as fresh, s.told_at`,
    [tenantId, userId, print, now, new Date(now.getTime() - eachMs)],
  );
  return rows[0] && { isFresh: rows[0].fresh, toldAt: rows[0].told_at ?? undefined };
}

/** How many devices of a person were told of since then. */
export async function countTold({ db, tenantId }: TenantCall, userId: UserId, since: Date): Promise<number> {
  const row = await db('seen_devices')
    .where({ tenant_id: tenantId, user_id: userId })
    .andWhere('told_at', '>', since)
    .count('* as total')
    .first();
  return Number(row?.['total'] ?? 0);
}

export async function setTold({ db, tenantId, now }: TenantCall, userId: UserId, print: Buffer): Promise<void> {
  await db('seen_devices').where({ tenant_id: tenantId, user_id: userId, print }).update({ told_at: now });
}

/** Forgets those beyond so many that were seen longest ago. */
export async function prune({ db, tenantId }: TenantCall, userId: UserId, most: number): Promise<void> {
  const kept = db('seen_devices')
    .where({ tenant_id: tenantId, user_id: userId })
    .orderBy('seen_at', 'desc')
    .limit(most)
    .select('print');
  await db('seen_devices').where({ tenant_id: tenantId, user_id: userId }).whereNotIn('print', kept).delete();
}
