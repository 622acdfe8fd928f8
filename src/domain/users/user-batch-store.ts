import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';
import type { User, UserValues } from './user.ts';
import { COLUMNS, type Row, toColumns, toUser } from './user-store.ts';

type Wanted = { id: UserId; emailCanonical: string; usernameCanonical: string | null };

/** What somebody has already. */
export type TakenSets = { ids: Set<UserId>; emails: Set<string>; usernames: Set<string> };

/** Which ids, addresses and user names of these somebody has. */
export async function findTaken({ db, tenantId }: TenantCall, users: readonly Wanted[]): Promise<TakenSets> {
  const { rows } = await db.raw<{ rows: Pick<Row, 'id' | 'email_canonical' | 'username_canonical'>[] }>(
    `select id, email_canonical, username_canonical from users where tenant_id = :tenantId and email_canonical = any(:emails)
     union select id, email_canonical, username_canonical from users where tenant_id = :tenantId and username_canonical = any(:usernames)
     union select id, email_canonical, username_canonical from users where tenant_id = :tenantId and id = any(:ids::uuid[])`,
    {
      tenantId,
      emails: users.map(({ emailCanonical }) => emailCanonical),
      usernames: users.flatMap(({ usernameCanonical }) => usernameCanonical ?? []),
      ids: users.map(({ id }) => id),
    },
  );
  return {
    ids: new Set(rows.map(({ id }) => id)),
    emails: new Set(rows.map(({ email_canonical }) => email_canonical)),
    usernames: new Set(rows.flatMap(({ username_canonical }) => username_canonical ?? [])),
  };
}

/** Writes those of the users for whom all is free; one statement. @returns who was written */
export async function insertNew(
  { db, tenantId, now }: TenantCall,
  users: readonly { id: UserId; values: UserValues; createdAt: Date | undefined }[],
): Promise<UserId[]> {
  if (users.length === 0) return [];
  const rows = users.map(({ id, values, createdAt = now }) => ({ id, ...toColumns(values), created_at: createdAt }));
  const { rows: made } = await db.raw<{ rows: { id: UserId }[] }>(
    `insert into users (tenant_id, id, email, email_canonical, email_verified, username, username_canonical, phone,
        phone_verified, first_name, last_name, locale, timezone, status, created_at, updated_at)
      select :tenantId, r.*, :now from jsonb_to_recordset(:rows::jsonb) as r (id uuid, email text, email_canonical text,
        email_verified boolean, username text, username_canonical text, phone text, phone_verified boolean,
        first_name text, last_name text, locale text, timezone text, status text, created_at timestamptz)
      on conflict do nothing returning id`,
    { tenantId, now, rows: JSON.stringify(rows) },
  );
  return made.map(({ id }) => id);
}

/** Users by id, after one; without those who are gone for good. */
export async function listAfter(
  { db, tenantId }: TenantCall,
  after: UserId | undefined,
  limit: number,
): Promise<User[]> {
  const rows = await db<Row>('users')
    .where({ tenant_id: tenantId })
    .where((where) => {
      if (after !== undefined) where.where('id', '>', after);
    })
    .whereNot({ status: 'deactivated' })
    .orderBy('id')
    .limit(limit)
    .select(...COLUMNS);
  return rows.map(toUser);
}
