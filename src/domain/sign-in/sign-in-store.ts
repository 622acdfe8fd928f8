import { prepared } from '../../database/pool.ts';
import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';
import type { DutyRules } from '../duties/duty.ts';
import type { SealedDataKey } from '../keys/tenant-key-service.ts';
import type { StoredHash } from '../passwords/hash.ts';
import { DEFAULT_SETTINGS, type OwnSettings, type TenantSettings } from '../tenants/settings.ts';
import type { UserStatus } from '../users/user.ts';
import type { Lockout } from './throttle.ts';

/** All that a sign-in decides by. */
export type Account = {
  userId: UserId;
  status: UserStatus;
  lastSignInAt: Date | null;
  /** Undefined where the person has no password. */
  password: (StoredHash & { mustChange: boolean }) | undefined;
};

export type TenantOfAccount = {
  id: TenantId;
  slug: string;
  name: string;
  lockout: Lockout;
  mfa: TenantSettings['mfa'];
} & DutyRules;

/**
 * Which account a name leads to, and the key of its tenant. The account is undefined where there is none, or where the
 * tenant is not active.
 */
export type Found = { tenant: TenantOfAccount; account: Account | undefined; dataKey: SealedDataKey };

/** What a person may type to say who they are, in its canonical form. */
export type Identifier = { email: string } | { username: string } | { neither: string };

type Row = {
  tenant_id: TenantId;
  slug: string;
  tenant_name: string;
  tenant_active: boolean;
  settings: OwnSettings;
  user_id: UserId | null;
  status: UserStatus;
  last_sign_in_at: Date | null;
  hash: string | null;
  pepper_id: string | null;
  normal_form: 'NFC' | null;
  must_change: boolean;
  data_key: { version: number; masterKeyId: string; sealed: string };
};

const COLUMNS = `tenant_id, slug, tenant_name, tenant_active, settings, user_id, status, last_sign_in_at,
  hash, pepper_id, normal_form, must_change, data_key`;
const BY_NAME = { name: 'sign-in-account', text: `select ${COLUMNS} from sign_in_account($1, $2, $3)` };
const BY_ID = { name: 'sign-in-account-by-id', text: `select ${COLUMNS} from sign_in_account_by_id($1, $2)` };
const CANDIDATES = { name: 'sign-in-candidates', text: `select ${COLUMNS} from sign_in_candidates($1, $2)` };

function toFound(row: Row): Found {
  // What a sign-in needs of the settings: to complete them all costs more than its statement.
  const lockout = { ...DEFAULT_SETTINGS.lockout, ...row.settings.lockout } as Lockout;
  const mfa = { ...DEFAULT_SETTINGS.mfa, ...row.settings.mfa } as TenantSettings['mfa'];
  const signIn = { ...DEFAULT_SETTINGS.signIn, ...row.settings.signIn } as TenantSettings['signIn'];
  const terms = { ...DEFAULT_SETTINGS.terms, ...row.settings.terms } as TenantSettings['terms'];
  const tenant = { id: row.tenant_id, slug: row.slug, name: row.tenant_name, lockout, mfa, signIn, terms };
  const { version, masterKeyId, sealed } = row.data_key;
  const dataKey = { tenantId: row.tenant_id, version, masterKeyId, sealed: Buffer.from(sealed, 'hex') };
  if (row.user_id === null || !row.tenant_active) return { tenant, account: undefined, dataKey };
  const password =
    row.hash === null
      ? undefined
      : { hash: row.hash, pepperId: row.pepper_id, normalForm: row.normal_form, mustChange: row.must_change };
  const account = { userId: row.user_id, status: row.status, lastSignInAt: row.last_sign_in_at, password };
  return { tenant, account, dataKey };
}

/** One statement, whatever is asked for. Undefined when the tenant itself does not exist. */
export async function findByIdentifier(
  { db, tenantId }: TenantCall,
  identifier: Identifier,
): Promise<Found | undefined> {
  const [row] = await prepared<Row>(db, BY_NAME, [
    tenantId,
    'email' in identifier ? identifier.email : null,
    'username' in identifier ? identifier.username : null,
  ]);
  return row && toFound(row);
}

export async function findById({ db, tenantId }: TenantCall, userId: UserId): Promise<Found | undefined> {
  const [row] = await prepared<Row>(db, BY_ID, [tenantId, userId]);
  return row && toFound(row);
}

/** The active accounts of an e-mail address in all active tenants, the oldest first. */
export async function listCandidates({ db }: OperatorCall, identifier: Identifier, limit: number): Promise<Found[]> {
  const email = 'email' in identifier ? identifier.email : null;
  return (await prepared<Row>(db, CANDIDATES, [email, limit])).map(toFound);
}

/** Notes that somebody signed in. */
export async function touch({ db, tenantId, now }: TenantCall, userId: UserId): Promise<void> {
  await db('users').where({ tenant_id: tenantId, id: userId }).update({ last_sign_in_at: now });
}
