import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** People who make their accounts themselves, and what a sign-in may demand of anybody: a proven address, and terms. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- When somebody made their account themselves; null: somebody else made it.
    alter table users add column registered_at timestamptz;
    -- Those that nobody has proven or used go after some days.
    create index users_unproven on users (registered_at)
      where registered_at is not null and not email_verified and last_sign_in_at is null;

    -- CAPTCHA challenges that were answered: each is good once.
    create table spent_captchas (
      tenant_id  uuid        not null references tenants (id) on delete cascade,
      id         bytea       not null,
      expires_at timestamptz not null,
      primary key (tenant_id, id)
    );
    create index spent_captchas_end on spent_captchas (expires_at);
    ${rowSecurity('spent_captchas')}

    -- Who has accepted which terms of use, and when.
    create table terms_acceptances (
      tenant_id   uuid        not null,
      user_id     uuid        not null,
      version     text        not null,
      -- the language in which they were read, and SHA-256 of what stood there
      language    text        not null,
      document    bytea       not null,
      accepted_at timestamptz not null,
      ip          text,
      primary key (tenant_id, user_id, version),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
    );
    ${rowSecurity('terms_acceptances')}

    -- What a tenant may demand before a person comes in, in one statement; v: the version of the terms that is in force.
    create function sign_in_duties(t uuid, u uuid, v text)
      returns table (email text, email_verified boolean, accepted boolean) language plpgsql as $$
    begin
      perform look_past_tenants(true);
      return query select us.email, us.email_verified, v is null or exists (select from terms_acceptances a
          where a.tenant_id = t and a.user_id = u and a.version = v)
        from users us where us.tenant_id = t and us.id = u;
      perform look_past_tenants(false);
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function sign_in_duties(uuid, uuid, text);
    drop table terms_acceptances; drop table spent_captchas;
    drop index users_unproven; alter table users drop column registered_at;
  `);
}
