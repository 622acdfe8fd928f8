import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';
import type { Channel } from './sent-code.ts';

export type SentCode = { id: string; userId: UserId; channel: Channel; code: Buffer; expiresAt: Date };

/**
 * Puts a code in the place of an earlier one, if that was sent before `latest` and there were fewer than `most`; dead
 * ones of the same person go. False: it was too soon, or too many.
 */
export async function put(
  { db, tenantId, now }: TenantCall,
  { id, userId, channel, code, expiresAt }: SentCode,
  { most, latest }: { most: number; latest: Date },
): Promise<boolean> {
  await db('sent_codes').where({ tenant_id: tenantId, user_id: userId }).where('expires_at', '<=', now).delete();
  const row = { channel, code, sent_at: now, expires_at: expiresAt };
  const written: unknown[] = await db('sent_codes')
    .insert({ tenant_id: tenantId, id, user_id: userId, ...row })
    .onConflict(['tenant_id', 'id'])
    .merge({ ...row, tries: 0, sends: db.raw('sent_codes.sends + 1') })
    .where('sent_codes.sends', '<', most)
    .where('sent_codes.sent_at', '<=', latest)
    .returning('id');
  return written.length > 0;
}

/** What was sent for a challenge or factor so far. */
export async function findSending(
  { db, tenantId }: TenantCall,
  id: string,
): Promise<{ sends: number; sentAt: Date } | undefined> {
  const row = await db('sent_codes').where({ tenant_id: tenantId, id }).first('sends', 'sent_at');
  return row && { sends: row.sends, sentAt: row.sent_at };
}

/** The channel of the live code of a challenge or factor; nothing happens to it. */
export async function findChannel({ db, tenantId, now }: TenantCall, id: string): Promise<Channel | undefined> {
  const row = await db('sent_codes').where({ tenant_id: tenantId, id }).where('expires_at', '>', now).first('channel');
  return row?.channel;
}

/** Takes a try at a live code; undefined where there is none, or it had its tries. */
export async function takeTry(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  id: string,
  most: number,
): Promise<{ channel: Channel; code: Buffer } | undefined> {
  const rows = await db('sent_codes')
    .where({ tenant_id: tenantId, id, user_id: userId })
    .where('expires_at', '>', now)
    .where('tries', '<', most)
    .increment('tries', 1)
    .returning(['channel', 'code']);
  return rows[0];
}

/** Uses a live code up; false: there is none such. Of two at once the second waits, and finds none. */
export async function use(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  { id, channel, code }: Pick<SentCode, 'id' | 'channel' | 'code'>,
): Promise<boolean> {
  const count = await db('sent_codes')
    .where({ tenant_id: tenantId, id, user_id: userId, channel, code })
    .where('expires_at', '>', now)
    .delete();
  return count === 1;
}
