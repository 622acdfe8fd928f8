import type { Account, AccountClaims } from 'oidc-provider';
import type { TenantId, UserId } from '../kernel/ids.ts';
import { isUuid } from '../kernel/ids.ts';
import type { AccountRow } from './account-store.ts';
import * as store from './account-store.ts';

/** Scopes whose claims need the user's row; `openid` alone does not. */
const ROW_SCOPES = /(^| )(profile|email|phone)( |$)/;

/** An active user, read in one statement; undefined for anyone else. */
export async function findActiveAccount(tenantId: TenantId, accountId: string): Promise<AccountRow | undefined> {
  return store.find(tenantId, accountId as UserId);
}

/**
 * A user as the core sees one. That the user is active need not be read: suspending and removing a user delete their
 * sessions and grants in the same transaction (trigger users_ended), and a new session begins only for an active user
 * (oidc_begin_session), so whoever comes with a live session or grant is active. The row is read for claims alone.
 */
export function accountOf(tenantId: TenantId, accountId: string): Account | undefined {
  if (!isUuid(accountId)) return undefined;
  return {
    accountId,
    async claims(_use, scope, requested) {
      const asked = Object.keys(requested).filter((claim) => claim !== 'sub');
      if (!ROW_SCOPES.test(scope) && asked.length === 0) return { sub: accountId };
      const row = await findActiveAccount(tenantId, accountId as UserId);
      return row ? claimsOf(accountId, row) : { sub: accountId };
    },
  };
}

/** Standard claims (OIDC Core §5.1); what a user does not have is left out. */
function claimsOf(sub: string, row: AccountRow): AccountClaims {
  const name = [row.first_name, row.last_name].filter(Boolean).join(' ');
  const claims = {
    email: row.email,
    email_verified: row.email_verified,
    name: name || undefined,
    given_name: row.first_name ?? undefined,
    family_name: row.last_name ?? undefined,
    preferred_username: row.username ?? row.email,
    locale: row.locale ?? undefined,
    zoneinfo: row.timezone ?? undefined,
    updated_at: Math.floor(row.updated_at.getTime() / 1000),
    phone_number: row.phone ?? undefined,
    phone_number_verified: row.phone ? row.phone_verified : undefined,
  };
  return { sub, ...Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined)) };
}
