import { prepared } from '../database/pool.ts';
import type { OperatorCall } from '../kernel/call.ts';
import type { TenantId, UserId } from '../kernel/ids.ts';

const FIND = { name: 'live-session', text: 'select roles, permissions from live_session($1, $2, $3, $4, $5)' };

// The grant is what the page was given: signing out of the pages alone takes it away, and leaves the session.
const FIND_AT_PAGE = {
  name: 'live-page',
  text: `select roles, permissions from live_session($1, $2, $3, $4, $5)
    where exists (select from oidc_grant
      where tenant_id = $1 and id = $6 and account_id = $3 and client_id = $7 and expires_at > now())`,
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
  const [alive] = await prepared<LiveSession>(db, FIND, valuesOf(about));
  return alive;
}

const valuesOf = ({ tenantId, sessionUid, userId, lifetimes }: AboutSession) => [
  tenantId,
  sessionUid,
  userId,
  lifetimes.idleSeconds,
  lifetimes.absoluteSeconds,
];

/** The same for a page that a client of ours shows in that session; undefined where its grant is no more, too. */
export async function findLiveAtPage(
  { db }: OperatorCall,
  about: AboutSession & { grantId: string; clientId: string },
): Promise<LiveSession | undefined> {
  const [alive] = await prepared<LiveSession>(db, FIND_AT_PAGE, [...valuesOf(about), about.grantId, about.clientId]);
  return alive;
}
