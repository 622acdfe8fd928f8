import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';
import type { Identifier, User, UserStatus, UserValues } from './user.ts';

export type Row = {
  tenant_id: TenantId;
  id: UserId;
  email: string;
  email_canonical: string;
  email_verified: boolean;
  username: string | null;
  username_canonical: string | null;
  phone: string | null;
  phone_verified: boolean;
  first_name: string | null;
  last_name: string | null;
  locale: string | null;
  timezone: string | null;
  status: UserStatus;
  created_at: Date;
  updated_at: Date;
  last_sign_in_at: Date | null;
};

export const COLUMNS = [
  'id',
  'email',
  'email_canonical',
  'email_verified',
  'username',
  'phone',
  'phone_verified',
  'first_name',
  'last_name',
  'locale',
  'timezone',
  'status',
  'created_at',
  'updated_at',
  'last_sign_in_at',
] as const;

export const toUser = (row: Pick<Row, (typeof COLUMNS)[number]>): User => ({
  id: row.id,
  email: row.email,
  emailCanonical: row.email_canonical,
  emailVerified: row.email_verified,
  username: row.username,
  phone: row.phone,
  phoneVerified: row.phone_verified,
  firstName: row.first_name,
  lastName: row.last_name,
  locale: row.locale,
  timezone: row.timezone,
  status: row.status,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  lastSignInAt: row.last_sign_in_at,
});

const COLUMN_OF: Record<keyof UserValues, keyof Row> = {
  email: 'email',
  emailCanonical: 'email_canonical',
  emailVerified: 'email_verified',
  username: 'username',
  usernameCanonical: 'username_canonical',
  phone: 'phone',
  phoneVerified: 'phone_verified',
  firstName: 'first_name',
  lastName: 'last_name',
  locale: 'locale',
  timezone: 'timezone',
  status: 'status',
};

export const toColumns = (values: Partial<UserValues>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [COLUMN_OF[key as keyof UserValues], value]));

export type OwnedUser = { tenantId: TenantId; user: User };
export type NewUser = UserValues & { tenantId: TenantId; id: UserId };

/** Writes users of any tenants; a unique index refuses an e-mail address or user name that is taken. One statement. */
export async function insert({ db, now }: OperatorCall, users: readonly NewUser[]): Promise<OwnedUser[]> {
  const rows = await db<Row>('users')
    .insert(
      users.map(({ tenantId, id, ...values }) => ({
        tenant_id: tenantId,
        id,
        ...toColumns(values),
        created_at: now,
        updated_at: now,
      })),
    )
    .returning(['tenant_id', ...COLUMNS]);
  return rows.map((row) => ({ tenantId: row.tenant_id, user: toUser(row) }));
}

export async function find({ db, tenantId }: TenantCall, id: UserId): Promise<User | undefined> {
  const row = await db<Row>('users')
    .where({ tenant_id: tenantId, id })
    .first(...COLUMNS);
  return row && toUser(row);
}

/** Those that exist of the named users. */
export async function findMany({ db, tenantId }: TenantCall, ids: readonly UserId[]): Promise<User[]> {
  const rows = await db<Row>('users')
    .where({ tenant_id: tenantId })
    .whereIn('id', [...ids])
    .select(...COLUMNS);
  return rows.map(toUser);
}

export async function findByIdentifier(
  { db, tenantId }: TenantCall,
  { kind, canonical }: Identifier,
): Promise<User | undefined> {
  const column = kind === 'email' ? 'email_canonical' : 'username_canonical';
  const row = await db<Row>('users')
    .where({ tenant_id: tenantId, [column]: canonical })
    .first(...COLUMNS);
  return row && toUser(row);
}

/** Users of active tenants who have an e-mail address, by tenant; `limit` at most. */
export async function findAnywhere({ db }: OperatorCall, emailCanonical: string, limit: number): Promise<OwnedUser[]> {
  const rows = await db<Row>('users as u')
    .join('tenants as t', 't.id', 'u.tenant_id')
    .where({ 'u.email_canonical': emailCanonical, 't.status': 'active' })
    .orderBy('u.tenant_id')
    .limit(limit)
    .select<Row[]>('u.tenant_id', ...COLUMNS.map((column) => `u.${column}`));
  return rows.map((row) => ({ tenantId: row.tenant_id, user: toUser(row) }));
}

/** Those that exist of the named users; `lock` holds them until the transaction ends. */
export async function findByEmails(
  { db }: OperatorCall,
  users: readonly { tenantId: TenantId; emailCanonical: string }[],
  { lock = false } = {},
): Promise<OwnedUser[]> {
  const query = db<Row>('users')
    .whereRaw('(tenant_id, email_canonical) in (select * from unnest(?::uuid[], ?::text[]))', [
      users.map(({ tenantId }) => tenantId),
      users.map(({ emailCanonical }) => emailCanonical),
    ])
    .orderBy(['tenant_id', 'id'])
    .select('tenant_id', ...COLUMNS);
  return (await (lock ? query.forNoKeyUpdate() : query)).map((row) => ({ tenantId: row.tenant_id, user: toUser(row) }));
}

/** All users of several tenants, by tenant and e-mail address; without those who are gone for good. */
export async function listOf({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<OwnedUser[]> {
  const rows = await db<Row>('users')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .whereNot({ status: 'deactivated' })
    .orderBy(['tenant_id', 'email_canonical'])
    .select('tenant_id', ...COLUMNS);
  return rows.map((row) => ({ tenantId: row.tenant_id, user: toUser(row) }));
}

export async function countByTenant(
  { db }: OperatorCall,
  tenantIds: readonly TenantId[],
): Promise<Map<TenantId, number>> {
  const rows = await db<Row>('users')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .groupBy('tenant_id')
    .select<{ tenant_id: TenantId; count: string }[]>('tenant_id', db.raw('count(*) as count'));
  return new Map(rows.map((row) => [row.tenant_id, Number(row.count)]));
}

/** Like `find`, and holds the row until the transaction ends. */
export async function lock({ db, tenantId }: TenantCall, id: UserId): Promise<User | undefined> {
  const row = await db<Row>('users')
    .where({ tenant_id: tenantId, id })
    .forNoKeyUpdate()
    .first(...COLUMNS);
  return row && toUser(row);
}

/** A unique index refuses an e-mail address or user name that is taken. */
export async function update(
  { db, tenantId, now }: TenantCall,
  id: UserId,
  values: Partial<UserValues>,
): Promise<User> {
  const [row] = await db<Row>('users')
    .where({ tenant_id: tenantId, id })
    .update({ ...toColumns(values), updated_at: now })
    .returning([...COLUMNS]);
  return toUser(row as Row);
}

/** Notes a sign-in; `updated_at` is for changes of the user and stays. */
export async function noteSignIn({ db, tenantId, now }: TenantCall, id: UserId): Promise<void> {
  await db<Row>('users').where({ tenant_id: tenantId, id }).update({ last_sign_in_at: now });
}
