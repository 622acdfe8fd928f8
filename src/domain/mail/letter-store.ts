import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';

/** Puts a letter into the outbox; it leaves after the caller's transaction, or never. */
export async function add({ db, tenantId, now }: TenantCall, id: string, sealed: Buffer): Promise<void> {
  const payload = JSON.stringify({ sealed: sealed.toString('base64url') });
  await db('outbox').insert({ tenant_id: tenantId, id, kind: 'mail', payload, created_at: now, due_at: now });
}

/** Whom letters to a user go to. */
export type Reader = { email: string; firstName: string | null; lastName: string | null; locale: string | null };

type Row = {
  tenant_id: string;
  id: string;
  email: string;
  first_name: string | null;
  last_name: string | null;
  locale: string | null;
};

export async function findReader({ db, tenantId }: TenantCall, userId: UserId): Promise<Reader | undefined> {
  const row = await db<Row>('users')
    .where({ tenant_id: tenantId, id: userId })
    .first('email', 'first_name', 'last_name', 'locale');
  return row && { email: row.email, firstName: row.first_name, lastName: row.last_name, locale: row.locale };
}
