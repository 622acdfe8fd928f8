import { prepared } from '../database/pool.ts';
import type { TenantId, UserId } from '../kernel/ids.ts';
import { currentScope } from './request-scope.ts';

const ACCOUNT = {
  name: 'oidc-account',
  text: `select email, email_verified, username, phone, phone_verified, first_name, last_name, locale, timezone, updated_at, roles
    from oidc_account($1, $2)`,
};

export type AccountRow = {
  email: string;
  email_verified: boolean;
  username: string | null;
  phone: string | null;
  phone_verified: boolean;
  first_name: string | null;
  last_name: string | null;
  locale: string | null;
  timezone: string | null;
  updated_at: Date;
  roles: string[];
};

/** An active user with their roles, in one statement; undefined for anyone else. */
export async function find(tenantId: TenantId, userId: UserId): Promise<AccountRow | undefined> {
  const [row] = await prepared<AccountRow>(currentScope().db, ACCOUNT, [tenantId, userId]);
  return row;
}
