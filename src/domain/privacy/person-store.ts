import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';
import { pseudonymOf } from './erasure.ts';

/** Who is to be erased, by every text under which they may stand somewhere. */
export type Person = {
  id: UserId;
  status: string;
  emailCanonical: string;
  /** As they are written where others have typed them. */
  traces: readonly string[];
};

/** Holds a person's row until the transaction ends, in whatever state they are. */
export async function lock({ db, tenantId }: TenantCall, userId: UserId): Promise<Person | undefined> {
  const row = await db('users')
    .where({ tenant_id: tenantId, id: userId })
    .forUpdate()
    .first('id', 'status', 'email', 'email_canonical', 'username', 'phone');
  if (!row) return undefined;
  const traces = [row.email, row.email_canonical, row.username, row.phone].filter((text) => text !== null);
  return { id: row.id, status: row.status, emailCanonical: row.email_canonical, traces: [...new Set<string>(traces)] };
}

/** What belongs to nobody else: it goes as it is. Tables that hang on a user, by their column. */
const OWN = [
  ...['passwords', 'password_history', 'factors', 'backup_codes', 'remembered_devices', 'seen_devices', 'challenges'],
  ...['sent_codes', 'email_tokens', 'user_roles', 'node_members', 'invites', 'webhook_messages'],
] as const;

/** What the core keeps of an account; grants take codes, chains and tokens along. */
const OF_ACCOUNT = ['oidc_grant', 'oidc_token', 'oidc_refresh_chain', 'oidc_session'] as const;

/** Removes what is only theirs, and what was sent to their address or waits there. */
export async function removeOwn({ db, tenantId }: TenantCall, { id, emailCanonical }: Person): Promise<void> {
  for (const table of OWN) await db(table).where({ tenant_id: tenantId, user_id: id }).delete();
  await db('api_keys').where({ tenant_id: tenantId, owner_user: id }).delete();
  for (const table of OF_ACCOUNT) await db(table).where({ tenant_id: tenantId, account_id: id }).delete();
  for (const table of ['email_tokens', 'invites'])
    await db(table).where({ tenant_id: tenantId, email_canonical: emailCanonical }).delete();
  await db('outbox').where({ tenant_id: tenantId }).whereRaw(`payload ->> 'user' = ?`, [id]).delete();
}

/** What others need: who it was becomes a pseudonym, and where it came from goes. */
export async function pseudonymise({ db, tenantId, now }: TenantCall, { id }: Person): Promise<void> {
  await db('terms_acceptances').where({ tenant_id: tenantId, user_id: id }).update({ ip: null });
  await db('consents').where({ tenant_id: tenantId, user_id: id }).update({ ip: null, user_agent: null });
  const nothing = { username: null, username_canonical: null, phone: null, first_name: null, last_name: null };
  await db('users')
    .where({ tenant_id: tenantId, id })
    .update({
      ...nothing,
      ...{ email: pseudonymOf(id), email_canonical: pseudonymOf(id), email_verified: false, phone_verified: false },
      ...{ locale: null, timezone: null, status: 'deactivated', last_sign_in_at: null, registered_at: null },
      ...{ updated_at: now, erased_at: now },
    });
}

/**
 * Empties what finished work has written down of a person where somebody else had asked for it: lists of mistakes that
 * quote a row, and results.
 */
export async function emptyJobs({ db, tenantId }: TenantCall, { traces }: Person): Promise<void> {
  await db.raw(
    `update jobs set errors = '[]', input = '{}', checkpoint = null, result = null
     where tenant_id = :tenantId and finished_at is not null
       and exists (select from unnest(:traces::text[]) t
         where position(lower(t) in lower(concat(errors::text, input::text, checkpoint::text, result::text))) > 0)`,
    { tenantId, traces: [...traces] } as never,
  );
}
