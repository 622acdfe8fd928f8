import { inOperatorTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import type { SolvedChallenge } from './proof-of-work.ts';

/** Notes that a challenge was used; false: it was used before. */
export async function spend({ db, tenantId }: TenantCall, { id, expiresAt }: SolvedChallenge): Promise<boolean> {
  const added = await db('spent_captchas')
    .insert({ tenant_id: tenantId, id, expires_at: expiresAt })
    .onConflict(['tenant_id', 'id'])
    .ignore()
    .returning('id');
  return added.length === 1;
}

/** Forgets challenges of any tenant that are too old to be shown again. @returns how many went */
export async function removeDead(call: OperatorCall, limit: number): Promise<number> {
  return inOperatorTransaction(call, async ({ db, now }) => {
    const dead = db('spent_captchas').where('expires_at', '<=', now).limit(limit).select('tenant_id', 'id');
    return db('spent_captchas').whereIn(['tenant_id', 'id'], dead.forUpdate().skipLocked()).delete();
  });
}
