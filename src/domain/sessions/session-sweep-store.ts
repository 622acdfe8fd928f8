import type { TenantCall } from '../../kernel/call.ts';
import type { TenantSettings } from '../tenants/settings.ts';
import type { Ending } from './session-store.ts';

/** Ends up to `rows` of the sessions that began before a moment. @returns how many */
export async function endSome(
  { db, tenantId }: TenantCall,
  since: Date,
  rows: number,
  ending: Ending,
): Promise<number> {
  const answer = await db.raw(
    `select count(*)::integer as ended from end_sessions(?, array(
       select uid from oidc_session where tenant_id = ? and account_id is not null and created_at <= ? order by uid limit ?), ?)`,
    [tenantId, tenantId, since, rows, JSON.stringify(ending)],
  );
  return answer.rows[0].ended;
}

/** Takes an ended client out of the next `rows` sessions. @returns the last one's name; null at the end */
export async function endParts(
  { db, tenantId }: TenantCall,
  { clientId, metadata, behind, rows }: { clientId: string; metadata: object; behind: string; rows: number },
): Promise<string | null> {
  const answer = await db.raw('select end_parts(?, ?, ?, ?, ?) as last', [
    tenantId,
    clientId,
    JSON.stringify(metadata),
    behind,
    rows,
  ]);
  return answer.rows[0].last;
}

/** Lets lifetimes hold for the next `rows` sessions. @returns the last one's name; null at the end */
export async function limitSome(
  { db, tenantId }: TenantCall,
  how: TenantSettings['sessions'] & { behind: string; rows: number },
): Promise<string | null> {
  const answer = await db.raw(
    `with part as materialized (select uid from oidc_session where tenant_id = ? and uid > ? order by uid limit ?)
     select max(uid) as last, count(limit_session(?, uid, ?, ?, null)) from part`,
    [tenantId, how.behind, how.rows, tenantId, how.idleSeconds, how.absoluteSeconds],
  );
  return answer.rows[0].last;
}

/** What the tenant has set of its sessions. */
export async function findLifetimes({ db, tenantId }: TenantCall): Promise<Partial<TenantSettings['sessions']>> {
  const row = await db('tenants').where({ id: tenantId }).first(db.raw(`settings -> 'sessions' as sessions`));
  return row?.sessions ?? {};
}
