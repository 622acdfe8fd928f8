import { prepared } from '../database/pool.ts';
import type { OperatorCall } from '../kernel/call.ts';
import type { TenantId } from '../kernel/ids.ts';

const FIND = { name: 'live-client', text: 'select roles, permissions from live_client($1, $2)' };

export type LiveClient = { roles: string[]; permissions: string[] };

/** What a client may do by itself now; undefined where client or tenant is no more. One prepared statement. */
export async function findLiveClient(
  { db }: OperatorCall,
  tenantId: TenantId,
  clientId: string,
): Promise<LiveClient | undefined> {
  const [alive] = await prepared<LiveClient>(db, FIND, [tenantId, clientId]);
  return alive;
}
