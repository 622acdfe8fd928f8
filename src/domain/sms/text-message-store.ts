import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';

/** Puts a message into the outbox; it leaves after the caller's transaction, or never. */
export async function add({ db, tenantId, now }: TenantCall, id: string, sealed: Buffer, user: UserId): Promise<void> {
  const payload = JSON.stringify({ sealed: sealed.toString('base64url'), user });
  await db('outbox').insert({ tenant_id: tenantId, id, kind: 'sms', payload, created_at: now, due_at: now });
}
