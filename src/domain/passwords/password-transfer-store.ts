import type { OperatorCall } from '../../kernel/call.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';
import type { StoredHash } from './hash.ts';
import type { NormalForm } from './password-text.ts';

export type OwnedHash = { tenantId: TenantId; userId: UserId; stored: StoredHash; mustChange: boolean };

type Row = {
  tenant_id: TenantId;
  user_id: UserId;
  hash: string;
  pepper_id: string | null;
  normal_form: NormalForm;
  must_change: boolean;
};

/** The passwords of those of the users who have one. */
export async function listOf(
  { db }: OperatorCall,
  users: readonly { tenantId: TenantId; userId: UserId }[],
): Promise<OwnedHash[]> {
  const rows: Row[] = await db('passwords')
    .whereRaw('(tenant_id, user_id) in (select * from unnest(?::uuid[], ?::uuid[]))', [
      users.map(({ tenantId }) => tenantId),
      users.map(({ userId }) => userId),
    ])
    .select('tenant_id', 'user_id', 'hash', 'pepper_id', 'normal_form', 'must_change');
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    userId: row.user_id,
    stored: { hash: row.hash, pepperId: row.pepper_id, normalForm: row.normal_form },
    mustChange: row.must_change,
  }));
}

/** Gives passwords to users who have none; one statement. */
export async function insert({ db, now }: OperatorCall, hashes: readonly OwnedHash[]): Promise<void> {
  await db('passwords')
    .insert(
      hashes.map(({ tenantId, userId, stored, mustChange }) => ({
        tenant_id: tenantId,
        user_id: userId,
        hash: stored.hash,
        pepper_id: stored.pepperId,
        normal_form: stored.normalForm,
        must_change: mustChange,
        changed_at: now,
      })),
    )
    .onConflict(['tenant_id', 'user_id'])
    .ignore();
}
