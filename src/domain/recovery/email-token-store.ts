import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { EmailTokenId, TenantId, UserId } from '../../kernel/ids.ts';
import type { EmailPurpose, EmailToken } from './email-token.ts';

export type NewEmailToken = EmailToken & {
  purpose: EmailPurpose;
  hash: Buffer;
  code: Buffer;
  holder: Buffer | null;
  expiresAt: Date;
};

/** One token; false when there is one of this id already. Dead ones of the same user go. */
export async function add({ db, tenantId, now }: TenantCall, token: NewEmailToken): Promise<boolean> {
  const { userId, expiresAt, ...columns } = token;
  await db('email_tokens').where({ tenant_id: tenantId, user_id: userId }).where('expires_at', '<=', now).delete();
  const { rowCount } = await db.raw(
    `insert into email_tokens (tenant_id, id, user_id, purpose, email, hash, code, holder, created_at, expires_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (tenant_id, id) do nothing`,
    [tenantId, columns.id, userId, columns.purpose, columns.email, columns.hash, columns.code, columns.holder].concat([
      now,
      expiresAt,
    ] as never[]),
  );
  return rowCount === 1;
}

/**
 * What makes a token void beside its end: a user who may not sign in, another address or another spelling of it, and,
 * for a new password, one that was set since.
 */
const ALIVE = `t.expires_at > :now
  and exists (select from users u where u.tenant_id = t.tenant_id and u.id = t.user_id and u.email = t.email
    and u.status in ('active', 'pending') and (t.purpose <> 'password-reset' or u.status = 'active'))
  and (t.purpose <> 'password-reset' or exists (select from passwords p
    where p.tenant_id = t.tenant_id and p.user_id = t.user_id and p.changed_at <= t.created_at))`;

type Row = { id: EmailTokenId; user_id: UserId; email: string };
const toToken = (row: Row): EmailToken => ({ id: row.id, userId: row.user_id, email: row.email });

/** The live token of a link; nothing happens to it. */
export async function findByHash(
  { db, tenantId, now }: TenantCall,
  purpose: EmailPurpose,
  hash: Buffer,
): Promise<EmailToken | undefined> {
  const { rows } = await db.raw<{ rows: Row[] }>(
    `select t.id, t.user_id, t.email from email_tokens t
     where t.tenant_id = :tenantId and t.purpose = :purpose and t.hash = :hash and ${ALIVE}`,
    { tenantId, purpose, hash, now },
  );
  return rows[0] && toToken(rows[0]);
}

/** Takes one try from every live token that a browser has asked for, and gives those that had one left. */
export async function takeTries(
  { db, tenantId, now }: TenantCall,
  purpose: EmailPurpose,
  holder: Buffer,
  most: number,
): Promise<(EmailToken & { code: Buffer })[]> {
  const { rows } = await db.raw<{ rows: (Row & { code: Buffer })[] }>(
    `update email_tokens t set tries = t.tries + 1
     where t.tenant_id = :tenantId and t.purpose = :purpose and t.holder = :holder and t.tries < :most and ${ALIVE}
     returning t.id, t.user_id, t.email, t.code`,
    { tenantId, purpose, holder, most, now },
  );
  return rows.map((row) => ({ ...toToken(row), code: row.code }));
}

/** Gives a try back whose code was right. */
export async function giveTryBack({ db, tenantId }: TenantCall, id: EmailTokenId): Promise<void> {
  await db('email_tokens').where({ tenant_id: tenantId, id }).where('tries', '>', 0).decrement('tries', 1);
}

/** Uses a live token up. Of several who try at once, one gets it; all others, and everyone later, get nothing. */
export async function consume(
  { db, tenantId, now }: TenantCall,
  purpose: EmailPurpose,
  id: EmailTokenId,
): Promise<EmailToken | undefined> {
  const { rows } = await db.raw<{ rows: Row[] }>(
    `delete from email_tokens t where t.tenant_id = :tenantId and t.id = :id and t.purpose = :purpose and ${ALIVE}
     returning t.id, t.user_id, t.email`,
    { tenantId, id, purpose, now },
  );
  return rows[0] && toToken(rows[0]);
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
