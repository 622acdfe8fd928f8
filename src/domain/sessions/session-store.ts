import type { TenantCall } from '../../kernel/call.ts';
import type { SessionId, UserId } from '../../kernel/ids.ts';
import { newId } from '../../kernel/ids.ts';
import type { Session, SessionProof } from './session.ts';

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

/** Live sessions of a user, the latest first. */
export async function listOf({ db, tenantId }: TenantCall, userId: UserId): Promise<Session[]> {
  const { rows } = await db.raw(
    `select uid, account_id, created_at, seen_at, expires_at, ip, user_agent, payload -> 'amr' as amr,
      array(select jsonb_object_keys(coalesce(payload -> 'authorizations', '{}'))) as clients
      from oidc_session where tenant_id = ? and account_id = ? and expires_at > now() order by seen_at desc, uid limit 500`,
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

/**
 * Queues a back-channel logout for each relying party of the sessions that wants one (OIDC Back-Channel Logout 1.0).
 * The rows are read with the sessions still there, in the transaction that ends them.
 */
export async function queueLogouts({ db, tenantId, now }: TenantCall, which: Which): Promise<void> {
  const { text, values } = condition(which);
  const { rows } = await db.raw(
    `select s.account_id, a.key as client_id, a.value ->> 'sid' as sid
      from oidc_session s cross join lateral jsonb_each(coalesce(s.payload -> 'authorizations', '{}')) a
        join clients c on c.tenant_id = s.tenant_id and c.client_id = a.key and c.metadata \\? 'backchannel_logout_uri'
      where s.tenant_id = ? and ${text} for update of s`,
    [tenantId, ...values],
  );
  if (rows.length === 0) return;
  await db('outbox').insert(
    rows.map((row: { account_id: string; client_id: string; sid: string | null }) => ({
      tenant_id: tenantId,
      id: newId(),
      kind: 'backchannel-logout',
      payload: { clientId: row.client_id, accountId: row.account_id, sid: row.sid },
      created_at: now,
      due_at: now,
    })),
  );
}

/**
 * Removes the sessions and every grant that hangs on one of them, except grants that were made to outlive a session
 * (offline access).
 *
 * @returns the uids of those that ended
 */
export async function remove({ db, tenantId }: TenantCall, which: Which): Promise<string[]> {
  const { text, values } = condition(which);
  const { rows } = await db.raw(
    `with ended as (delete from oidc_session s where s.tenant_id = ? and ${text} returning uid, payload),
      grants as (
        delete from oidc_grant g using ended e, jsonb_each(coalesce(e.payload -> 'authorizations', '{}')) a
        where g.tenant_id = ? and g.id = a.value ->> 'grantId' and coalesce((a.value ->> 'persistsLogout')::boolean, false) = false)
      select uid from ended`,
    [tenantId, ...values, tenantId],
  );
  return rows.map((row: { uid: string }) => row.uid);
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

/** A login that was proven before now, and has not led to a session yet, will not (oidc_begin_session). */
export async function refuseEarlierLogins({ db, tenantId, now }: TenantCall, userId: UserId): Promise<void> {
  await db('users').where({ tenant_id: tenantId, id: userId }).update({ sessions_ended_at: now });
}
