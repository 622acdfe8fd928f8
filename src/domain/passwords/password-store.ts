import type { TenantCall } from '../../kernel/call.ts';
import { newId, type UserId } from '../../kernel/ids.ts';
import type { OwnSettings } from '../tenants/settings.ts';
import type { StoredHash } from './hash.ts';
import type { NormalForm } from './password-text.ts';

export type PasswordRecord = StoredHash & { mustChange: boolean };

/** What is to be known before a password is set: whose it is, by which rules, and which one is there. */
export type PasswordSubject = {
  tenantSlug: string;
  tenantName: string;
  settings: OwnSettings;
  email: string | null;
  username: string | null;
  active: boolean;
  current: PasswordRecord | undefined;
};

type Row = { hash: string; pepper_id: string | null; normal_form: NormalForm };
const toStored = (row: Row): StoredHash => ({ hash: row.hash, pepperId: row.pepper_id, normalForm: row.normal_form });
const toRow = ({ hash, pepperId, normalForm }: StoredHash): Row => ({
  hash,
  pepper_id: pepperId,
  normal_form: normalForm,
});

type SubjectRow = {
  slug: string;
  tenant_name: string;
  settings: OwnSettings;
  email: string | null;
  username: string | null;
  status: string | null;
  hash: string | null;
  pepper_id: string | null;
  normal_form: NormalForm;
  must_change: boolean | null;
};

/** One statement, inside a transaction or not. */
export async function findSubject({ db, tenantId }: TenantCall, userId: UserId): Promise<PasswordSubject | undefined> {
  const { rows } = await db.raw<{ rows: SubjectRow[] }>(
    `select slug, tenant_name, settings, email, username, status, hash, pepper_id, normal_form, must_change
     from sign_in_account_by_id(?, ?) where user_id is not null`,
    [tenantId, userId],
  );
  const [row] = rows;
  if (!row) return undefined;
  const { hash, must_change: mustChange } = row;
  return {
    tenantSlug: row.slug,
    tenantName: row.tenant_name,
    settings: row.settings,
    email: row.email,
    username: row.username,
    active: row.status === 'active',
    current: hash === null ? undefined : { ...toStored({ ...row, hash }), mustChange: mustChange === true },
  };
}

/** Puts a password in the place of any other. */
export async function put(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  stored: StoredHash,
  mustChange: boolean,
): Promise<void> {
  await db('passwords')
    .insert({ tenant_id: tenantId, user_id: userId, ...toRow(stored), must_change: mustChange, changed_at: now })
    .onConflict(['tenant_id', 'user_id'])
    .merge();
}

/** Puts a password in the place of the one that was seen before; false when somebody else was faster. */
export async function replace(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  seen: StoredHash,
  stored: StoredHash,
): Promise<boolean> {
  const changed = await db('passwords')
    .where({ tenant_id: tenantId, user_id: userId, hash: seen.hash })
    .update({ ...toRow(stored), must_change: false, changed_at: now });
  return changed === 1;
}

/** The one that is there opens once more, and must then be replaced. */
export async function demandChange({ db, tenantId }: TenantCall, userId: UserId): Promise<void> {
  await db('passwords').where({ tenant_id: tenantId, user_id: userId }).update({ must_change: true });
}

/** Writes the same password's new hash, where the old one still stands; hash, pepper and form change together. */
export async function rehash(
  { db, tenantId }: TenantCall,
  userId: UserId,
  seen: StoredHash,
  stored: StoredHash,
): Promise<boolean> {
  const changed = await db('passwords')
    .where({ tenant_id: tenantId, user_id: userId, hash: seen.hash })
    .update(toRow(stored));
  return changed === 1;
}

/** The hashes of earlier passwords, the newest first. */
export async function listHistory({ db, tenantId }: TenantCall, userId: UserId, limit: number): Promise<StoredHash[]> {
  const rows = await db<Row & { tenant_id: string; user_id: string; id: string }>('password_history')
    .where({ tenant_id: tenantId, user_id: userId })
    .orderBy('id', 'desc')
    .limit(limit)
    .select('hash', 'pepper_id', 'normal_form');
  return rows.map(toStored);
}

/** Keeps a replaced hash, and no more than `limit` of them. */
export async function remember(
  { db, tenantId, now }: TenantCall,
  userId: UserId,
  stored: StoredHash,
  limit: number,
): Promise<void> {
  const id = newId();
  await db('password_history').insert({ tenant_id: tenantId, user_id: userId, id, ...toRow(stored), replaced_at: now });
  const kept = db('password_history')
    .where({ tenant_id: tenantId, user_id: userId })
    .orderBy('id', 'desc')
    .limit(limit)
    .select('id');
  await db('password_history').where({ tenant_id: tenantId, user_id: userId }).whereNotIn('id', kept).delete();
}
