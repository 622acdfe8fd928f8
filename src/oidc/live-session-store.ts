import { prepared } from '../database/pool.ts';
import type { OperatorCall } from '../kernel/call.ts';
import type { TenantId, UserId } from '../kernel/ids.ts';

const FIND = { name: 'live-session', text: 'select roles, permissions from live_session($1, $2, $3, $4, $5)' };

// The grant is what the page was given: signing out of the pages alone takes it away, and leaves the session.
const FIND_AT_PAGE = {
  name: 'live-page',
  text: `select roles, permissions from live_session($1, $2, $3)
    where exists (select from oidc_grant
      where tenant_id = $1 and id = $4 and account_id = $3 and client_id = $5 and expires_at > now())`,
};

export type LiveSession = { roles: string[]; permissions: string[] };

export type AboutSession = {
  tenantId: TenantId;
  sessionUid: string;
  userId: UserId;
  lifetimes: { idleSeconds: number; absoluteSeconds: number };
};

/**
 * What the user of a session may do now; undefined where session, user or tenant is no more. One prepared statement. It
 * counts as a use of the session.
 */
export async function findLive({ db }: OperatorCall, about: AboutSession): Promise<LiveSession | undefined> {
  const { tenantId, sessionUid, userId, lifetimes } = about;
  const { idleSeconds, absoluteSeconds } = lifetimes;
  const [alive] = await prepared<LiveSession>(db, FIND, [tenantId, sessionUid, userId, idleSeconds, absoluteSeconds]);
  return alive;
}

/** The same for a page that a client of ours shows in that session; undefined where its grant is no more, too. */
export async function findLiveAtPage(
  { db }: OperatorCall,
  about: { tenantId: TenantId; sessionUid: string; userId: UserId; grantId: string; clientId: string },
): Promise<LiveSession | undefined> {
  const { tenantId, sessionUid, userId, grantId, clientId } = about;
  const [alive] = await prepared<LiveSession>(db, FIND_AT_PAGE, [tenantId, sessionUid, userId, grantId, clientId]);
  return alive;
}
