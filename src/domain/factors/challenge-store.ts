import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { ChallengeId, TenantId, UserId } from '../../kernel/ids.ts';
import type { FactorKind } from './factor.ts';

export type ChallengePurpose = 'sign-in' | 'step-up';

export type Challenge = {
  id: ChallengeId;
  purpose: ChallengePurpose;
  userId: UserId;
  factors: readonly FactorKind[];
  amr: readonly string[];
  authTime: Date;
  /** Those that were begun, this one included. */
  tries: number;
};

type Row = {
  id: ChallengeId;
  purpose: ChallengePurpose;
  user_id: UserId;
  factors: FactorKind[];
  amr: string[];
  auth_time: Date;
  tries: number;
};

const COLUMNS = ['id', 'purpose', 'user_id', 'factors', 'amr', 'auth_time', 'tries'] as const;

const toChallenge = (row: Row): Challenge => ({
  id: row.id,
  purpose: row.purpose,
  userId: row.user_id,
  factors: row.factors,
  amr: row.amr,
  authTime: row.auth_time,
  tries: row.tries,
});

export type NewChallenge = Omit<Challenge, 'tries'> & { holder: Buffer; expiresAt: Date };

/** Adds a challenge, and takes away the dead ones of the same person. */
export async function add({ db, tenantId, now }: TenantCall, challenge: NewChallenge): Promise<void> {
  const { userId } = challenge;
  await db('challenges').where({ tenant_id: tenantId, user_id: userId }).andWhere('expires_at', '<', now).delete();
  await db('challenges').insert({
    tenant_id: tenantId,
    id: challenge.id,
    purpose: challenge.purpose,
    user_id: userId,
    holder: challenge.holder,
    factors: challenge.factors,
    amr: challenge.amr,
    auth_time: challenge.authTime,
    created_at: now,
    expires_at: challenge.expiresAt,
  });
}

/** Who asks for a challenge: its id, and the proof that it is theirs. */
export type Key = { id: ChallengeId; holder: Buffer };

/** Counts a try; undefined where there is no such challenge, it has ended, or it had its tries. */
export async function takeTry(
  { db, tenantId, now }: TenantCall,
  { id, holder }: Key,
  most: number,
): Promise<Challenge | undefined> {
  const rows: Row[] = await db('challenges')
    .where({ tenant_id: tenantId, id, holder })
    .andWhere('expires_at', '>', now)
    .andWhere('tries', '<', most)
    .increment('tries', 1)
    .returning([...COLUMNS]);
  return rows[0] && toChallenge(rows[0]);
}

/** A challenge that can still be answered. Counts nothing. */
export async function findOpen(
  { db, tenantId, now }: TenantCall,
  { id, holder }: Key,
  most: number,
): Promise<Challenge | undefined> {
  const row: Row | undefined = await db('challenges')
    .where({ tenant_id: tenantId, id, holder })
    .andWhere('expires_at', '>', now)
    .andWhere('tries', '<', most)
    .first(...COLUMNS);
  return row && toChallenge(row);
}

/** Ends a challenge; false: somebody was faster. */
export async function consume({ db, tenantId }: TenantCall, id: ChallengeId): Promise<boolean> {
  return (await db('challenges').where({ tenant_id: tenantId, id }).delete()) === 1;
}

export async function tenantOf({ db }: OperatorCall, id: ChallengeId): Promise<TenantId | undefined> {
  const { rows } = await db.raw<{ rows: { tenant: TenantId | null }[] }>('select tenant_of_challenge(?) as tenant', [
    id,
  ]);
  return rows[0]?.tenant ?? undefined;
}

/** Ends every open question of a person. */
export async function removeAll({ db, tenantId }: TenantCall, userId: UserId): Promise<void> {
  await db('challenges').where({ tenant_id: tenantId, user_id: userId }).delete();
}
