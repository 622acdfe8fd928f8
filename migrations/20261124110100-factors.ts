import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** Second factors and passkeys, the codes that stand in for them, and the open questions of a sign-in. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table factors (
      tenant_id       uuid        not null,
      id              uuid        not null,
      user_id         uuid        not null,
      kind            text        not null check (kind in ('totp', 'webauthn')),
      name            text,
      -- pending: shown to its owner, who has not proven yet that they hold it
      status          text        not null check (status in ('pending', 'active')),
      -- the session or sign-in that asked for a pending one, hashed: nobody else can confirm it
      holder          bytea,
      created_at      timestamptz not null,
      confirmed_at    timestamptz,
      last_used_at    timestamptz,
      -- TOTP: the secret, sealed under the tenant's key, and the last 30-second step that was accepted
      sealed          bytea,
      last_step       bigint,
      -- WebAuthn: what the authenticator said of the credential when it was made and last used
      credential_id   bytea,
      public_key      bytea,
      rp_id           text,
      sign_count      bigint,
      backup_eligible boolean,
      backed_up       boolean,
      transports      text[],
      aaguid          uuid,
      primary key (tenant_id, id),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
      check (kind <> 'totp' or sealed is not null),
      check (kind <> 'webauthn' or (credential_id is not null and public_key is not null and rp_id is not null))
    );
    create index factors_user on factors (tenant_id, user_id);
    -- A shared secret is confirmed or replaced: one of each a person.
    create unique index factors_totp on factors (tenant_id, user_id, status) where kind = 'totp';
    create unique index factors_credential on factors (tenant_id, credential_id) where credential_id is not null;
    ${rowSecurity('factors')}

    -- Ten codes for the day when the factor is lost. A used one is gone.
    create table backup_codes (
      tenant_id  uuid        not null,
      user_id    uuid        not null,
      -- HMAC under a key of the tenant
      hash       bytea       not null,
      created_at timestamptz not null,
      primary key (tenant_id, user_id, hash),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
    );
    ${rowSecurity('backup_codes')}

    -- One open question put to one person on one browser. Answered or given up, it is gone.
    create table challenges (
      tenant_id  uuid        not null references tenants (id) on delete cascade,
      id         uuid        not null,
      purpose    text        not null check (purpose in ('sign-in', 'step-up', 'register', 'passkey')),
      -- null: whoever owns the passkey that answers
      user_id    uuid,
      -- SHA-256 of what only this browser or client has
      holder     bytea       not null,
      -- what may answer it
      factors    text[]      not null,
      -- what was proven before it
      amr        text[]      not null default '{}',
      auth_time  timestamptz not null,
      tries      smallint    not null default 0,
      -- WebAuthn: the bytes to be signed, for one ceremony
      ceremony   bytea,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      primary key (tenant_id, id),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
    );
    create index challenges_user on challenges (tenant_id, user_id);
    create index challenges_end on challenges (tenant_id, expires_at);
    -- A challenge is answered by its id alone, without a tenant's name.
    create index challenges_id on challenges (id);
    ${rowSecurity('challenges')}

    -- Browsers that a person told to remember: there a second factor is not asked again for some days.
    create table remembered_devices (
      tenant_id  uuid        not null,
      user_id    uuid        not null,
      -- SHA-256 of the browser's id in the device cookie
      device     bytea       not null,
      user_agent text,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      primary key (tenant_id, user_id, device),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
    );
    ${rowSecurity('remembered_devices')}

    -- All that a sign-in must know of a person's second factors, in one statement.
    create function sign_in_factors(t uuid, u uuid, d bytea, at timestamptz)
      returns table (kinds text[], backup_codes bigint, roles text[], remembered boolean) language plpgsql as $$
    begin
      perform look_past_tenants(true);
      return query select
        array(select distinct f.kind from factors f
          where f.tenant_id = t and f.user_id = u and f.status = 'active' order by f.kind),
        (select count(*) from backup_codes b where b.tenant_id = t and b.user_id = u),
        array(select r.name from user_roles ur join roles r on r.tenant_id = ur.tenant_id and r.id = ur.role_id
          where ur.tenant_id = t and ur.user_id = u order by r.name),
        exists (select from remembered_devices m
          where m.tenant_id = t and m.user_id = u and m.device = d and m.expires_at > at);
      perform look_past_tenants(false);
    end $$;

    create function tenant_of_challenge(i uuid) returns uuid language plpgsql as $$
    declare t uuid;
    begin
      perform look_past_tenants(true);
      select c.tenant_id into t from challenges c where c.id = i;
      perform look_past_tenants(false);
      return t;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function tenant_of_challenge(uuid); drop function sign_in_factors(uuid, uuid, bytea, timestamptz);
    drop table remembered_devices; drop table challenges; drop table backup_codes; drop table factors;
  `);
}
