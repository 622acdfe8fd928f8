import { prepared } from '../../database/pool.ts';
import type { TenantCall } from '../../kernel/call.ts';
import type { FactorId, UserId } from '../../kernel/ids.ts';
import { type OwnSettings, type TenantSettings, withDefaults } from '../tenants/settings.ts';
import type { Factor, Holdings } from './factor.ts';

type Row = {
  id: FactorId;
  kind: Factor['kind'];
  name: string | null;
  confirmed_at: Date;
  last_used_at: Date | null;
  backed_up: boolean | null;
  flagged_at: Date | null;
  address: string | null;
};

const COLUMNS = ['id', 'kind', 'name', 'confirmed_at', 'last_used_at', 'backed_up', 'flagged_at', 'address'] as const;

const toFactor = (row: Row): Factor => ({
  id: row.id,
  kind: row.kind,
  name: row.name ?? undefined,
  createdAt: row.confirmed_at,
  lastUsedAt: row.last_used_at ?? undefined,
  backedUp: row.backed_up ?? undefined,
  flagged: row.flagged_at !== null,
  ...(row.address !== null && { address: row.address }),
});

/** The person whose factors are changed, and what their tenant says of factors. */
export type Owner = {
  email: string;
  phone: string | null;
  /** First and last name, or the e-mail address. */
  displayName: string;
  hasPassword: boolean;
  tenantName: string;
  mfa: TenantSettings['mfa'];
  sms: TenantSettings['sms'];
};

/** Holds the person's row until the transaction ends: changes of their factors come one after another. */
export async function lockOwner({ db, tenantId }: TenantCall, userId: UserId): Promise<Owner | undefined> {
  const { rows } = await db.raw<{
    rows: {
      email: string;
      phone: string | null;
      own_name: string;
      has_password: boolean;
      name: string;
      settings: OwnSettings;
    }[];
  }>(
    `select u.email, u.phone, concat_ws(' ', u.first_name, u.last_name) as own_name, t.name, t.settings,
        exists (select from passwords p where p.tenant_id = u.tenant_id and p.user_id = u.id) as has_password
      from users u join tenants t on t.id = u.tenant_id
      where u.tenant_id = ? and u.id = ? and u.status = 'active' for no key update of u`,
    [tenantId, userId],
  );
  const [row] = rows;
  if (!row) return undefined;
  const { branding, mfa, sms } = withDefaults(row.settings);
  return {
    ...{ email: row.email, phone: row.phone },
    displayName: row.own_name || row.email,
    hasPassword: row.has_password,
    tenantName: branding.displayName ?? row.name,
    mfa,
    sms,
  };
}

/** Holds a person's row, whatever their status; false where there is none. */
export async function lockPerson({ db, tenantId }: TenantCall, userId: UserId): Promise<boolean> {
  const row = await db('users').where({ tenant_id: tenantId, id: userId }).forNoKeyUpdate().first('id');
  return row !== undefined;
}

/** Takes every factor away, those that are being enrolled too. @returns the kinds of those that counted */
export async function removeAll({ db, tenantId }: TenantCall, userId: UserId): Promise<Factor['kind'][]> {
  const rows: { kind: Factor['kind']; status: string }[] = await db('factors')
    .where({ tenant_id: tenantId, user_id: userId })
    .delete()
    .returning(['kind', 'status']);
  return rows.filter(({ status }) => status === 'active').map(({ kind }) => kind);
}

type HoldingsRow = { kinds: Holdings['kinds']; backup_codes: string; roles: string[]; remembered: boolean };
const HOLDINGS = {
  name: 'sign-in-factors',
  text: 'select kinds, backup_codes, roles, remembered from sign_in_factors($1, $2, $3, $4)',
};

/** What a sign-in must know, in one statement, inside a transaction or not. */
export async function findHoldings(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  device: Buffer | null,
): Promise<Holdings> {
  const [row] = await prepared<HoldingsRow>(db, HOLDINGS, [tenantId, userId, device, now]);
  if (!row) throw new Error('sign_in_factors gives one row');
  return { kinds: row.kinds, backupCodes: Number(row.backup_codes), roles: row.roles, remembered: row.remembered };
}

/** Confirmed factors, the oldest first. */
export async function listActive({ db, tenantId }: TenantCall, userId: UserId): Promise<Factor[]> {
  const rows: Row[] = await db('factors')
    .where({ tenant_id: tenantId, user_id: userId, status: 'active' })
    .orderBy('id')
    .select(...COLUMNS);
  return rows.map(toFactor);
}

/** Takes a factor away. @returns its kind; undefined when the person has no such confirmed factor */
export async function remove(
  { db, tenantId }: TenantCall,
  userId: UserId,
  id: FactorId,
): Promise<Factor['kind'] | undefined> {
  const rows = await db('factors')
    .where({ tenant_id: tenantId, user_id: userId, id, status: 'active' })
    .delete()
    .returning('kind');
  return rows[0]?.kind;
}

/** Gives a factor another name; undefined when the person has no such confirmed factor. */
export async function rename(
  { db, tenantId }: TenantCall,
  userId: UserId,
  id: FactorId,
  name: string,
): Promise<Factor | undefined> {
  const rows: Row[] = await db('factors')
    .where({ tenant_id: tenantId, user_id: userId, id, status: 'active' })
    .update({ name })
    .returning([...COLUMNS]);
  return rows[0] && toFactor(rows[0]);
}

// --- TOTP -------------------------------------------------------------------------------------------------------------

export type TotpSecret = { id: FactorId; sealed: Buffer };

/** Puts a pending secret in the place of an earlier pending one. */
export async function putPendingTotp(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  { id, sealed, holder }: TotpSecret & { holder: Buffer },
): Promise<void> {
  await db('factors').where({ tenant_id: tenantId, user_id: userId, kind: 'totp', status: 'pending' }).delete();
  await db('factors').insert({
    tenant_id: tenantId,
    id,
    user_id: userId,
    kind: 'totp',
    status: 'pending',
    holder,
    sealed,
    created_at: now,
  });
}

/** The secret that the same holder was shown, if it is not older than `since`; `id` where only that one counts. */
export async function findPendingTotp(
  { db, tenantId }: TenantCall,
  userId: UserId,
  { id, holder, since }: { id?: FactorId; holder: Buffer; since: Date },
): Promise<TotpSecret | undefined> {
  return db('factors')
    .where({ tenant_id: tenantId, user_id: userId, kind: 'totp', status: 'pending', holder, ...(id && { id }) })
    .andWhere('created_at', '>', since)
    .first('id', 'sealed');
}

export async function findTotp({ db, tenantId }: TenantCall, userId: UserId): Promise<TotpSecret | undefined> {
  return db('factors')
    .where({ tenant_id: tenantId, user_id: userId, kind: 'totp', status: 'active' })
    .first('id', 'sealed');
}

/** Makes a pending secret the person's own; an earlier one is gone. `step` counts as used. */
export async function activateTotp(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  id: FactorId,
  step: number,
): Promise<void> {
  await db('factors').where({ tenant_id: tenantId, user_id: userId, kind: 'totp', status: 'active' }).delete();
  await db('factors')
    .where({ tenant_id: tenantId, id, status: 'pending' })
    .update({ status: 'active', holder: null, confirmed_at: now, last_step: step });
}

/** Accepts a step once, and none before it; false: it was used. Of two at once the second waits, and is told so. */
export async function useStep({ db, tenantId, now }: TenantCall, id: FactorId, step: number): Promise<boolean> {
  const count = await db('factors')
    .where({ tenant_id: tenantId, id, status: 'active' })
    .andWhere('last_step', '<', step)
    .update({ last_step: step, last_used_at: now });
  return count === 1;
}
