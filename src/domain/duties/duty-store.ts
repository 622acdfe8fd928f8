import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';

export type Standing = { email: string; emailVerified: boolean; accepted: boolean };

/** Whether a user has proven their address and accepted these terms (null: none); one statement, in a transaction or not. */
export async function findStanding(
  { db, tenantId }: TenantCall,
  userId: UserId,
  version: string | null,
): Promise<Standing | undefined> {
  const { rows } = await db.raw<{ rows: { email: string; email_verified: boolean; accepted: boolean }[] }>(
    'select email, email_verified, accepted from sign_in_duties(?, ?, ?)',
    [tenantId, userId, version],
  );
  const [row] = rows;
  return row && { email: row.email, emailVerified: row.email_verified, accepted: row.accepted };
}

export type Acceptance = { version: string; language: string; document: Buffer; ip: string | null };

/** Keeps an acceptance; false when there was one. */
export async function addAcceptance(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  { version, language, document, ip }: Acceptance,
): Promise<boolean> {
  const added = await db('terms_acceptances')
    .insert({ tenant_id: tenantId, user_id: userId, version, language, document, accepted_at: now, ip })
    .onConflict(['tenant_id', 'user_id', 'version'])
    .ignore()
    .returning('version');
  return added.length === 1;
}

/** What a user has accepted, the latest first. */
export async function listAcceptances(
  { db, tenantId }: TenantCall,
  userId: UserId,
): Promise<{ version: string; language: string; acceptedAt: Date }[]> {
  return db('terms_acceptances')
    .where({ tenant_id: tenantId, user_id: userId })
    .orderBy('accepted_at', 'desc')
    .select('version', 'language', 'accepted_at as acceptedAt');
}
