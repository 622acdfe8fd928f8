import { inOperatorTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import type { EmailTokenId, TenantId, UserId } from '../../kernel/ids.ts';
import type { EmailPurpose, EmailToken } from './email-token.ts';

export type NewEmailToken = {
  id: EmailTokenId;
  purpose: EmailPurpose;
  email: string;
  hash: Buffer;
  code: Buffer;
  holder: Buffer | null;
  expiresAt: Date;
  userId: UserId | null;
  emailCanonical: string | null;
  replaces: string | null;
  sessionUid: string | null;
  sealed: Buffer | null;
};

/** One token; false when there is one of this id already. */
export async function add({ db, tenantId, now }: TenantCall, token: NewEmailToken): Promise<boolean> {
  const added = await db('email_tokens')
    .insert({
      tenant_id: tenantId,
      id: token.id,
      user_id: token.userId,
      purpose: token.purpose,
      email: token.email,
      email_canonical: token.emailCanonical,
      replaces: token.replaces,
      session_uid: token.sessionUid,
      sealed: token.sealed,
      hash: token.hash,
      code: token.code,
      holder: token.holder,
      created_at: now,
      expires_at: token.expiresAt,
    })
    .onConflict(['tenant_id', 'id'])
    .ignore()
    .returning('id');
  return added.length === 1;
}

/** No other user has the address. */
const IS_FREE = `not exists (select from users o where o.tenant_id = t.tenant_id and o.email_canonical = t.email_canonical
    and o.id is distinct from t.user_id)`;

/**
 * What makes a token void beside its end: a user who may not sign in, or has another address or another spelling of it
 * by now; a password that was set since a new one was asked for; an address that somebody has; and the end of the
 * session in which another address was asked for.
 */
const ALIVE = `t.expires_at > :now
  and (t.purpose = 'register' or exists (select from users u where u.tenant_id = t.tenant_id and u.id = t.user_id
    and u.email = coalesce(t.replaces, t.email)
    and (u.status = 'active' or (t.purpose in ('verify-email', 'password-reset') and u.status = 'pending'))))
  and (t.email_canonical is null or ${IS_FREE})
  and (t.purpose <> 'password-reset' or not exists (select from passwords p
    where p.tenant_id = t.tenant_id and p.user_id = t.user_id and p.changed_at > t.created_at))
  and (t.session_uid is null or exists (select from oidc_session s where s.tenant_id = t.tenant_id
    and s.uid = t.session_uid and s.account_id = t.user_id and s.expires_at > now()))`;

type Row = {
  id: EmailTokenId;
  user_id: UserId | null;
  email: string;
  session_uid: string | null;
  sealed: Buffer | null;
  holder: Buffer | null;
};

const COLUMNS = 't.id, t.user_id, t.email, t.session_uid, t.sealed, t.holder';

/** Which of them a purpose has is a promise of the table. */
const toToken = <P extends EmailPurpose>(row: Row): EmailToken<P> =>
  ({
    id: row.id,
    email: row.email,
    ...(row.user_id !== null && { userId: row.user_id }),
    ...(row.session_uid !== null && { sessionUid: row.session_uid }),
    ...(row.sealed !== null && { sealed: row.sealed, isHeldBy: row.holder ?? undefined }),
  }) as unknown as EmailToken<P>;

/** The live token of a link; nothing happens to it. */
export async function findByHash<P extends EmailPurpose>(
  { db, tenantId, now }: TenantCall,
  purpose: P,
  hash: Buffer,
): Promise<EmailToken<P> | undefined> {
  const { rows } = await db.raw<{ rows: Row[] }>(
    `select ${COLUMNS} from email_tokens t
     where t.tenant_id = :tenantId and t.purpose = :purpose and t.hash = :hash and ${ALIVE}`,
    { tenantId, purpose, hash, now },
  );
  return rows[0] && toToken<P>(rows[0]);
}

/**
 * Takes one try from the live tokens that a browser has asked for, and gives those that had one left. Only the latest
 * few count: a try must not be one at a thousand letters.
 */
export async function takeTries<P extends EmailPurpose>(
  { db, tenantId, now }: TenantCall,
  purpose: P,
  holder: Buffer,
  { tries, latest }: { tries: number; latest: number },
): Promise<(EmailToken<P> & { code: Buffer })[]> {
  const { rows } = await db.raw<{ rows: (Row & { code: Buffer })[] }>(
    `update email_tokens t set tries = t.tries + 1
     where t.tenant_id = :tenantId and t.purpose = :purpose and t.holder = :holder and t.tries < :tries and ${ALIVE}
       and t.id in (select l.id from email_tokens l where l.tenant_id = :tenantId and l.holder = :holder
         and l.purpose = :purpose order by l.id desc limit :latest)
     returning ${COLUMNS}, t.code`,
    { tenantId, purpose, holder, tries, latest, now },
  );
  return rows.map((row) => ({ ...toToken<P>(row), code: row.code }));
}

/** Takes one try from a live token, whichever way it was found; false: it had none left. */
export async function takeTry({ db, tenantId }: TenantCall, id: EmailTokenId, most: number): Promise<boolean> {
  const taken = await db('email_tokens')
    .where({ tenant_id: tenantId, id })
    .where('tries', '<', most)
    .increment('tries');
  return taken === 1;
}

/** Whether a user has a live token for a purpose that belongs to this holder, or to none. */
export async function isWaiting(
  { db, tenantId, now }: TenantCall,
  purpose: EmailPurpose,
  userId: UserId,
  holder: Buffer | null,
): Promise<boolean> {
  const { rows } = await db.raw<{ rows: object[] }>(
    `select from email_tokens t where t.tenant_id = :tenantId and t.user_id = :userId and t.purpose = :purpose
       and t.holder is not distinct from :holder and ${ALIVE} limit 1`,
    { tenantId, userId, purpose, holder, now },
  );
  return rows.length > 0;
}

/** What was last put down under a purpose by a browser about an address, alive or void. */
export async function findLatest(
  { db, tenantId, now }: TenantCall,
  { purpose, holder, emailCanonical }: { purpose: EmailPurpose; holder: Buffer; emailCanonical: string },
): Promise<{ id: EmailTokenId; email: string; sealed: Buffer } | undefined> {
  return db('email_tokens')
    .where({ tenant_id: tenantId, holder, purpose, email_canonical: emailCanonical })
    .andWhere('expires_at', '>', now)
    .whereNotNull('sealed')
    .orderBy('id', 'desc')
    .first('id', 'email', 'sealed');
}

/** Gives a try back whose code was right. */
export async function giveTryBack({ db, tenantId }: TenantCall, id: EmailTokenId): Promise<void> {
  await db('email_tokens').where({ tenant_id: tenantId, id }).where('tries', '>', 0).decrement('tries', 1);
}

/** Uses a live token up. Of several who try at once, one gets it; all others, and everyone later, get nothing. */
export async function consume<P extends EmailPurpose>(
  { db, tenantId, now }: TenantCall,
  purpose: P,
  id: EmailTokenId,
): Promise<EmailToken<P> | undefined> {
  const { rows } = await db.raw<{ rows: Row[] }>(
    `delete from email_tokens t where t.tenant_id = :tenantId and t.id = :id and t.purpose = :purpose and ${ALIVE}
     returning ${COLUMNS}`,
    { tenantId, id, purpose, now },
  );
  return rows[0] && toToken<P>(rows[0]);
}

/** Voids every other token of a user for the same purpose. */
export async function forget({ db, tenantId }: TenantCall, purpose: EmailPurpose, userId: UserId): Promise<void> {
  await db('email_tokens').where({ tenant_id: tenantId, user_id: userId, purpose }).delete();
}

/** The tenant of a link's token, for a caller who names none. */
export async function tenantOf({ db }: OperatorCall, hash: Buffer): Promise<TenantId | undefined> {
  return db.transaction(async (tx) => {
    const { rows } = await tx.raw<{ rows: { t: TenantId | null }[] }>('select tenant_of_email_token(?) as t', [hash]);
    return rows[0]?.t ?? undefined;
  });
}

/** Removes what is over in any tenant, `limit` rows at most. @returns how many went */
export async function removeDead(call: OperatorCall, limit: number): Promise<number> {
  return inOperatorTransaction(call, async ({ db, now }) => {
    const dead = db('email_tokens').where('expires_at', '<=', now).limit(limit).select('tenant_id', 'id');
    return db('email_tokens').whereIn(['tenant_id', 'id'], dead.forUpdate().skipLocked()).delete();
  });
}
