import type { TenantCall } from '../../kernel/call.ts';
import type { SessionId, UserId } from '../../kernel/ids.ts';
import type { AuditAuthor } from '../audit/audit-record.ts';
import type { Session, SessionEnd, SessionProof } from './session.ts';

type Row = {
  uid: SessionId;
  account_id: UserId;
  created_at: Date;
  seen_at: Date;
  expires_at: Date;
  ip: string | null;
  user_agent: string | null;
  amr: string[] | null;
  clients: string[];
};

const toSession = (row: Row): Session => ({
  id: row.uid,
  userId: row.account_id,
  createdAt: row.created_at,
  lastSeenAt: row.seen_at,
  expiresAt: row.expires_at,
  ip: row.ip ?? undefined,
  userAgent: row.user_agent ?? undefined,
  amr: row.amr ?? [],
  clients: row.clients,
});

const COLUMNS = `uid, account_id, created_at, seen_at, expires_at, ip, user_agent, payload -> 'amr' as amr,
  array(select client_id from parts_of(payload)) as clients`;

/** Live sessions of the tenant, or of one of its users, the newest first; counting ends at `most`. */
export async function list(
  { db, tenantId }: TenantCall,
  { userId, offset, limit, most }: { userId: UserId | undefined; offset: number; limit: number; most: number },
): Promise<{ items: Session[]; total: number }> {
  const whose = userId === undefined ? 'account_id is not null' : 'account_id = ?';
  const from = `from oidc_session where tenant_id = ? and ${whose} and expires_at > now()`;
  const values = userId === undefined ? [tenantId] : [tenantId, userId];
  const page = await db.raw<{ rows: Row[] }>(`select ${COLUMNS} ${from} order by uid desc offset ? limit ?`, [
    ...values,
    offset,
    limit,
  ]);
  const count = await db.raw<{ rows: { total: number }[] }>(
    `select count(*)::integer as total from (select ${from} limit ?) counted`,
    [...values, most],
  );
  return { items: page.rows.map(toSession), total: count.rows[0]!.total };
}

/** Live sessions of a user, the latest first. */
export async function listOf({ db, tenantId }: TenantCall, userId: UserId): Promise<Session[]> {
  const { rows } = await db.raw(
    `select ${COLUMNS} from oidc_session where tenant_id = ? and account_id = ? and expires_at > now() order by seen_at desc, uid limit 500`,
    [tenantId, userId],
  );
  return rows.map(toSession);
}

/** What was proven in a live session. */
export async function findProof({ db, tenantId }: TenantCall, uid: string): Promise<SessionProof | undefined> {
  const { rows } = await db.raw<{
    rows: { account_id: UserId; login_ts: string; amr: string[] | null; transient: boolean | null }[];
  }>(
    `select account_id, payload ->> 'loginTs' as login_ts, payload -> 'amr' as amr, (payload ->> 'transient')::boolean as transient
      from oidc_session where tenant_id = ? and uid = ? and account_id is not null and expires_at > now()`,
    [tenantId, uid],
  );
  const [row] = rows;
  if (!row) return undefined;
  const authTime = new Date(Number(row.login_ts) * 1000);
  return { userId: row.account_id, authTime, amr: row.amr ?? [], transient: row.transient === true };
}

/** Which sessions an ending is about. */
export type Which = { userId?: UserId; uid?: string; except?: string };

function condition({ userId, uid, except }: Which): { text: string; values: string[] } {
  const parts: [string, string | undefined][] = [
    ['account_id = ?', userId],
    ['uid = ?', uid],
    ['uid <> ?', except],
  ];
  const given = parts.filter((part): part is [string, string] => part[1] !== undefined);
  if (userId === undefined && uid === undefined) throw new Error('which sessions?');
  return { text: given.map(([text]) => `s.${text}`).join(' and '), values: given.map(([, value]) => value) };
}

/** Why sessions end, and on whose behalf: what the line in the audit trail will say. */
export type Ending = AuditAuthor & { reason: SessionEnd };

/**
 * Ends sessions with every grant that hangs on them, except grants that were made to outlive a session (offline access).
 * What each end owes, logouts of relying parties and a line in the audit trail, the row's trigger writes.
 *
 * @returns the uids of those that ended
 */
export async function end({ db, tenantId }: TenantCall, which: Which, ending: Ending): Promise<string[]> {
  const { text, values } = condition(which);
  const { rows } = await db.raw<{ rows: { uid: string }[] }>(
    `select end_sessions(?, array(select s.uid from oidc_session s where s.tenant_id = ? and s.account_id is not null and ${text} order by s.uid), ?) as uid`,
    [tenantId, tenantId, ...values, JSON.stringify(ending)],
  );
  return rows.map(({ uid }) => uid);
}

/** Ends all that a user ever allowed, offline access too. */
export async function removeGrants({ db, tenantId }: TenantCall, userId: UserId): Promise<void> {
  await db('oidc_grant').where({ tenant_id: tenantId, account_id: userId }).delete();
}

/** Ends all that was issued to a client. */
export async function removeGrantsOfClient({ db, tenantId }: TenantCall, clientId: string): Promise<void> {
  await db('oidc_grant').where({ tenant_id: tenantId, client_id: clientId }).delete();
  await db('oidc_token').where({ tenant_id: tenantId, client_id: clientId }).whereNull('grant_id').delete();
}

/** A login that was proven before `moment`, and has not led to a session yet, will not (oidc_begin_session). */
export async function refuseEarlierLogins({ db, tenantId }: TenantCall, userId: UserId, moment: Date): Promise<void> {
  await db('users').where({ tenant_id: tenantId, id: userId }).update({ sessions_ended_at: moment });
}
