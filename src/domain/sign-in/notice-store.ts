import type { TenantCall } from '../../kernel/call.ts';

/** Puts a notice into the outbox, outside of any transaction: the attempt that it tells of has failed. */
export async function add({ db, tenantId, now }: TenantCall, id: string, sealed: Buffer): Promise<void> {
  const payload = JSON.stringify({ sealed: sealed.toString('base64url') });
  await db('outbox').insert({ tenant_id: tenantId, id, kind: 'sign-in-notice', payload, created_at: now, due_at: now });
}
