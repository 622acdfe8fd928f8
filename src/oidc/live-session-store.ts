import { prepared } from '../database/pool.ts';
import type { OperatorCall } from '../kernel/call.ts';
import type { TenantId, UserId } from '../kernel/ids.ts';

const FIND = { name: 'live-session', text: 'select roles, permissions from live_session($1, $2, $3)' };

export type LiveSession = { roles: string[]; permissions: string[] };

/** What the user of a session may do now; undefined where session, user or tenant is no more. One prepared statement. */
export async function findLive(
  { db }: OperatorCall,
  { tenantId, sessionUid, userId }: { tenantId: TenantId; sessionUid: string; userId: UserId },
): Promise<LiveSession | undefined> {
  const [alive] = await prepared<LiveSession>(db, FIND, [tenantId, sessionUid, userId]);
  return alive;
}
