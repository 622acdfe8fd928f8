import type { Knex } from 'knex';

/** Two more kinds of proof by letter: another e-mail address, and an account that is made once its address is proven. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table email_tokens drop constraint email_tokens_purpose_check;
    alter table email_tokens add constraint email_tokens_purpose_check
      check (purpose in ('password-reset', 'verify-email', 'change-email', 'register'));

    -- Nobody's yet: what becomes a user lies in the token until its address is proven.
    alter table email_tokens alter column user_id drop not null;
    alter table email_tokens add constraint email_tokens_tenant
      foreign key (tenant_id) references tenants (id) on delete cascade;
    alter table email_tokens
      -- the form in which addresses are compared: one that somebody has meanwhile makes the token void
      add column email_canonical text,
      -- the address that is to be replaced: another one makes the token void
      add column replaces        text,
      -- the session that asked: ended, it takes its wish along
      add column session_uid     text,
      -- what an applicant said of themselves, and the hash of their password, sealed under the tenant's key
      add column sealed          bytea;
    alter table email_tokens
      add check ((purpose = 'register') = (user_id is null)),
      add check ((purpose in ('change-email', 'register')) = (email_canonical is not null)),
      add check ((purpose = 'change-email') = (replaces is not null)),
      add check ((purpose = 'change-email') = (session_uid is not null)),
      add check (purpose = 'register' or sealed is null);
    -- What nobody used is swept.
    create index email_tokens_end on email_tokens (expires_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index email_tokens_end;
    delete from email_tokens where purpose in ('change-email', 'register');
    alter table email_tokens drop column sealed, drop column session_uid, drop column replaces, drop column email_canonical;
    alter table email_tokens drop constraint email_tokens_tenant;
    alter table email_tokens alter column user_id set not null;
    alter table email_tokens drop constraint email_tokens_purpose_check;
    alter table email_tokens add constraint email_tokens_purpose_check
      check (purpose in ('password-reset', 'verify-email'));
  `);
}
