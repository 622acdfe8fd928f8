import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';

/** Puts a wish into the outbox: whether somebody has the address is looked up later, by nobody's clock. */
export async function addWish({ db, tenantId, now }: TenantCall, id: string, sealed: Buffer): Promise<void> {
  const payload = JSON.stringify({ sealed: sealed.toString('base64url') });
  await db('outbox').insert({ tenant_id: tenantId, id, kind: 'registration', payload, created_at: now, due_at: now });
}

/** What was carried out needs to know no more whom it was about. */
export async function emptyWish({ db, tenantId }: TenantCall, id: string): Promise<void> {
  await db('outbox').where({ tenant_id: tenantId, id, kind: 'registration' }).update({ payload: '{}' });
}

/** Notes that somebody made their account themselves. */
export async function noteRegistered({ db, tenantId, now }: TenantCall, userId: UserId): Promise<void> {
  await db('users').where({ tenant_id: tenantId, id: userId }).update({ registered_at: now });
}

/**
 * Removes accounts of any tenant that somebody made themselves and that nobody has proven or used in the days that their
 * tenant gives them.
 *
 * @param days where a tenant says nothing
 */
export async function removeUnproven(
  { db, now }: OperatorCall,
  { days, limit }: { days: number; limit: number },
): Promise<{ tenantId: TenantId; userId: UserId }[]> {
  const { rows } = await db.raw<{ rows: { tenantId: TenantId; userId: UserId }[] }>(
    `with late as (
       select u.tenant_id, u.id from users u
         join tenants t on t.id = u.tenant_id
         cross join lateral (select coalesce((t.settings -> 'registration' ->> 'unverifiedDays')::integer, :days) as days) s
       where u.registered_at is not null and not u.email_verified and u.last_sign_in_at is null
         and s.days > 0 and u.registered_at < :now::timestamptz - s.days * interval '1 day'
       order by u.registered_at limit :limit for no key update of u skip locked)
     delete from users u using late where u.tenant_id = late.tenant_id and u.id = late.id
     returning u.tenant_id as "tenantId", u.id as "userId"`,
    { days, limit, now },
  );
  return rows;
}
