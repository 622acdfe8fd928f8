import type { TenantCall } from '../../kernel/call.ts';

/** Puts a notice into the outbox, outside of any transaction: the attempt that it tells of has failed. */
export async function add({ db, tenantId, now }: TenantCall, id: string, sealed: Buffer): Promise<void> {
  const payload = JSON.stringify({ sealed: sealed.toString('base64url') });
  await db('outbox').insert({ tenant_id: tenantId, id, kind: 'sign-in-notice', payload, created_at: now, due_at: now });
}

/** What was carried out needs to know no more whom it was about. */
export async function empty({ db, tenantId }: TenantCall, id: string): Promise<void> {
  await db('outbox').where({ tenant_id: tenantId, id, kind: 'sign-in-notice' }).update({ payload: '{}' });
}
