import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { ChallengeId, FactorId, TenantId, UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { KnownCredential, NewCredential, Use } from './webauthn.ts';

/** A credential as it is judged by. */
export type Passkey = {
  tenantId: TenantId;
  id: FactorId;
  userId: UserId;
  name: string | undefined;
  rpId: string;
  publicKey: Buffer;
  signCount: number;
  backupEligible: boolean;
  /** Whether a copy of it was noticed. */
  flagged: boolean;
};

type Row = {
  tenant_id: TenantId;
  id: FactorId;
  user_id: UserId;
  name: string | null;
  rp_id: string;
  public_key: Buffer;
  sign_count: string;
  backup_eligible: boolean;
  flagged_at: Date | null;
};

/** The credential of a user by its id; at any tenant where the call names none. One statement, in a transaction or not. */
export async function find(
  { db, tenantId }: OperatorCall & { tenantId?: TenantId | undefined },
  userId: UserId,
  credentialId: Buffer,
): Promise<Passkey | undefined> {
  const { rows } = await db.raw<{ rows: Row[] }>(
    `select tenant_id, id, user_id, name, rp_id, public_key, sign_count, backup_eligible, flagged_at
     from sign_in_passkey(?, ?, ?)`,
    [tenantId ?? null, userId, credentialId],
  );
  const [row] = rows;
  return (
    row && {
      tenantId: row.tenant_id,
      id: row.id,
      userId: row.user_id,
      name: row.name ?? undefined,
      rpId: row.rp_id,
      publicKey: row.public_key,
      signCount: Number(row.sign_count),
      backupEligible: row.backup_eligible,
      flagged: row.flagged_at !== null,
    }
  );
}

/** A user's credentials of a site, the oldest first, without those that prove nothing any more. */
export async function listKnown(
  { db, tenantId }: TenantCall,
  userId: UserId,
  rpId: string,
): Promise<KnownCredential[]> {
  const rows: { credential_id: Buffer; transports: string[] | null }[] = await db('factors')
    .where({ tenant_id: tenantId, user_id: userId, kind: 'webauthn', status: 'active', rp_id: rpId })
    .whereNull('flagged_at')
    .orderBy('id')
    .select('credential_id', 'transports');
  return rows.map((row) => ({ credentialId: row.credential_id, transports: row.transports ?? [] }));
}

/** How a user is called at authenticators. */
export async function findNames(
  { db, tenantId }: TenantCall,
  userId: UserId,
): Promise<{ name: string; displayName: string } | undefined> {
  const row: { email: string; first_name: string | null; last_name: string | null } | undefined = await db('users')
    .where({ tenant_id: tenantId, id: userId })
    .first('email', 'first_name', 'last_name');
  return (
    row && { name: row.email, displayName: [row.first_name, row.last_name].filter(Boolean).join(' ') || row.email }
  );
}

/** Adds a credential; false: somebody has it. */
export async function add(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  {
    id,
    name,
    rpId,
    credentialId,
    transports,
    ...made
  }: NewCredential & KnownCredential & { id: FactorId; name: string | null; rpId: string },
): Promise<boolean> {
  const rows = await db('factors')
    .insert({
      tenant_id: tenantId,
      id,
      user_id: userId,
      kind: 'webauthn',
      status: 'active',
      name,
      created_at: now,
      confirmed_at: now,
      credential_id: credentialId,
      rp_id: rpId,
      transports,
      public_key: made.publicKey,
      sign_count: made.signCount,
      backup_eligible: made.backupEligible,
      backed_up: made.backedUp,
      aaguid: made.aaguid,
    })
    .onConflict()
    .ignore()
    .returning('id');
  return rows.length === 1;
}

/**
 * Notes that a credential was used, if its counter has gone on: it counts up with each use, or stays at nought for ever
 * (WebAuthn Level 3 §6.1.1). Of two uses at once the second waits. False: it went back, or the credential is gone.
 */
export async function noteUse({ db, tenantId, now }: TenantCall, id: FactorId, use: Use): Promise<boolean> {
  const count = await db('factors')
    .where({ tenant_id: tenantId, id, status: 'active' })
    .whereNull('flagged_at')
    .andWhere((row) => {
      if (use.signCount === 0) row.where('sign_count', 0);
      else row.where('sign_count', '<', use.signCount);
    })
    .update({ sign_count: use.signCount, backed_up: use.backedUp, last_used_at: now });
  return count === 1;
}

/** Takes a credential out of use, since a copy of it was noticed; false: it was before, or it is gone. */
export async function flag({ db, tenantId, now }: TenantCall, id: FactorId): Promise<boolean> {
  const count = await db('factors')
    .where({ tenant_id: tenantId, id, status: 'active' })
    .whereNull('flagged_at')
    .update({ flagged_at: now });
  return count === 1;
}

/** Uses a ceremony's challenge up, and takes dead ones away; false: it was used. Of two at once the second waits. */
export async function useCeremony({ db, tenantId, now }: TenantCall, id: ChallengeId): Promise<boolean> {
  // Twice its life: the clocks of nodes differ.
  const expiresAt = new Date(now.getTime() + 2 * LIMITS.ceremonySeconds * 1000);
  const added = await db('used_ceremonies')
    .insert({ tenant_id: tenantId, id, expires_at: expiresAt })
    .onConflict(['tenant_id', 'id'])
    .ignore()
    .returning('id');
  const dead = db('used_ceremonies')
    .where({ tenant_id: tenantId })
    .andWhere('expires_at', '<', now)
    .orderBy('expires_at')
    .limit(LIMITS.batchRows)
    .forUpdate()
    .skipLocked()
    .select('id');
  await db('used_ceremonies').where({ tenant_id: tenantId }).whereIn('id', dead).delete();
  return added.length === 1;
}

/** Whether any tenant has a credential of this id for a site. */
export async function isKnown({ db }: OperatorCall, rpId: string, credentialId: Buffer): Promise<boolean> {
  const { rows } = await db.raw<{ rows: { known: boolean }[] }>('select passkey_is_known(?, ?) as known', [
    rpId,
    credentialId,
  ]);
  return rows[0]?.known === true;
}
