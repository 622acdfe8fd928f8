import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** Passkeys: which challenges were used, which credentials may have been copied, and how a sign-in finds one. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- When a copy of the credential was noticed: it proves nothing any more.
    alter table factors add column flagged_at timestamptz;
    -- A passkey says whose it is, without a tenant's name.
    create index factors_credential_anywhere on factors (credential_id) where credential_id is not null;

    -- WebAuthn challenges are not stored: they carry their own proof. These were answered.
    create table used_ceremonies (
      tenant_id  uuid        not null references tenants (id) on delete cascade,
      id         uuid        not null,
      expires_at timestamptz not null,
      primary key (tenant_id, id)
    );
    create index used_ceremonies_end on used_ceremonies (tenant_id, expires_at);
    ${rowSecurity('used_ceremonies')}

    delete from challenges where purpose not in ('sign-in', 'step-up');
    alter table challenges drop column ceremony, drop constraint challenges_purpose_check,
      add constraint challenges_purpose_check check (purpose in ('sign-in', 'step-up')),
      alter column user_id set not null;

    -- The passkey with which a person wants to sign in: at one tenant, or, where none was named, at theirs.
    create function sign_in_passkey(t uuid, u uuid, c bytea)
      returns table (tenant_id uuid, id uuid, user_id uuid, name text, rp_id text, public_key bytea, sign_count bigint,
        backup_eligible boolean, flagged_at timestamptz) language plpgsql rows 1 as $$
    begin
      perform look_past_tenants(true);
      return query select f.tenant_id, f.id, f.user_id, f.name, f.rp_id, f.public_key, f.sign_count, f.backup_eligible, f.flagged_at
        from factors f
        where (t is null or f.tenant_id = t) and f.user_id = u and f.credential_id = c and f.status = 'active';
      perform look_past_tenants(false);
    end $$;

    -- Whether anybody has the credential at a site: tenants below one host share theirs.
    create function passkey_is_known(r text, c bytea) returns boolean language plpgsql as $$
    declare known boolean;
    begin
      perform look_past_tenants(true);
      known := exists (select from factors f where f.credential_id = c and f.rp_id = r);
      perform look_past_tenants(false);
      return known;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function passkey_is_known(text, bytea); drop function sign_in_passkey(uuid, uuid, bytea);
    alter table challenges add column ceremony bytea, drop constraint challenges_purpose_check,
      add constraint challenges_purpose_check check (purpose in ('sign-in', 'step-up', 'register', 'passkey')),
      alter column user_id drop not null;
    drop table used_ceremonies; drop index factors_credential_anywhere;
    alter table factors drop column flagged_at;
  `);
}
