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

/** Rows that belong to nobody else and go as they are, by the column that says whose they are. */
const GOING = {
  user_id: [
    ...['passwords', 'password_history', 'factors', 'backup_codes', 'remembered_devices', 'seen_devices', 'challenges'],
    ...['sent_codes', 'email_tokens', 'user_roles', 'node_members', 'invites', 'webhook_messages'],
  ],
  owner_user: ['api_keys'],
  // What the core keeps of an account; grants take codes, chains and tokens along.
  account_id: ['oidc_grant', 'oidc_token', 'oidc_refresh_chain', 'oidc_session'],
} as const;

/** Rows that others need: who it was is an id that leads nowhere. `node_member_roles` goes with `node_members`. */
const STAYING = [
  ...['terms_acceptances.user_id', 'consents.user_id', 'erasures.user_id', 'erasures.requested_by'],
  ...['user_roles.granted_by', 'client_roles.granted_by', 'node_member_roles.granted_by', 'node_member_roles.user_id'],
  ...['invites.inviter_id', 'jobs.owner', 'jobs.actor'],
  // What the trail tells of a person is `audit.erase`'s.
  ...['audit_pending.person', 'audit_chain.person', 'audit_pending.actor_id', 'audit_chain.actor_id'],
] as const;

/** Every column of the schema that names a user, as `table.column`. A test holds that there is no other. */
export const COLUMNS_OF_PERSONS: readonly string[] = [
  ...Object.entries(GOING).flatMap(([column, tables]) => tables.map((table) => `${table}.${column}`)),
  ...STAYING,
];

/** Removes what is only theirs, and what was sent to their address or waits there. */
export async function removeOwn({ db, tenantId }: TenantCall, { id, emailCanonical }: Person): Promise<void> {
  for (const [column, tables] of Object.entries(GOING))
    for (const table of tables)
      await db(table)
        .where({ tenant_id: tenantId, [column]: id })
        .delete();
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
