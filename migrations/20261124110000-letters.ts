import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** Proofs that go out by letter: whoever opens the link, or types the code, reads the letters of that address. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table email_tokens (
      tenant_id  uuid        not null,
      id         uuid        not null,
      user_id    uuid        not null,
      purpose    text        not null check (purpose in ('password-reset', 'verify-email')),
      -- the address exactly as the letter went to it: another one, or another spelling, makes the token void
      email      text        not null,
      -- SHA-256 of the link's token
      hash       bytea       not null,
      -- HMAC of the code under a key of the tenant: eight digits are soon guessed from a plain hash
      code       bytea       not null,
      -- SHA-256 of what only the browser that asked has; null: only the link opens it
      holder     bytea,
      tries      smallint    not null default 0,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      primary key (tenant_id, id),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
    );
    create unique index email_tokens_hash on email_tokens (tenant_id, hash);
    -- A link is answered by its token alone, without a tenant's name.
    create index email_tokens_anywhere on email_tokens (hash);
    create index email_tokens_user on email_tokens (tenant_id, user_id, purpose);
    create index email_tokens_holder on email_tokens (tenant_id, holder) where holder is not null;
    ${rowSecurity('email_tokens')}

    create function tenant_of_email_token(h bytea) returns uuid language plpgsql as $$
    declare t uuid;
    begin
      perform look_past_tenants(true);
      select e.tenant_id into t from email_tokens e where e.hash = h;
      perform look_past_tenants(false);
      return t;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function tenant_of_email_token(bytea); drop table email_tokens;');
}
