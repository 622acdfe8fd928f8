import type { Knex } from 'knex';
import { announced, rowSecurity } from '../src/database/row-security.ts';

/** Tenants, the hosts they own, and the keys that seal and sign for them. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table tenants (
      id         uuid        primary key,
      slug       text        not null check (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])\\?$'),
      name       text        not null,
      type       text        not null check (type in ('platform', 'customer', 'partner', 'internal')),
      country    text        check (country ~ '^[A-Z]{2}$'),
      status     text        not null check (status in ('active', 'suspended', 'deleted')),
      settings   jsonb       not null default '{}',
      created_at timestamptz not null,
      updated_at timestamptz not null
    );
    -- A slug is part of an issuer's URL, so it is never given twice, not even after a tenant's end.
    create unique index tenants_slug on tenants (slug);
    -- There is one platform tenant.
    create unique index tenants_platform on tenants (type) where type = 'platform';
    ${rowSecurity('tenants', 'id')}
    ${announced('tenants', 'tenant', 'id')}

    create table tenant_domains (
      tenant_id   uuid        not null references tenants (id) on delete cascade,
      domain      text        not null,
      verified_at timestamptz,
      created_at  timestamptz not null,
      primary key (tenant_id, domain)
    );
    -- Many may claim a domain, one may prove it.
    create unique index tenant_domains_verified on tenant_domains (domain) where verified_at is not null;
    ${rowSecurity('tenant_domains')}
    ${announced('tenant_domains', 'tenant', 'tenant_id')}

    -- The key under which a tenant's secrets are sealed and hashed, itself sealed under a master key.
    create table tenant_data_keys (
      tenant_id     uuid        not null references tenants (id) on delete cascade,
      version       integer     not null,
      master_key_id text        not null,
      sealed        bytea       not null,
      created_at    timestamptz not null,
      primary key (tenant_id, version)
    );
    create index tenant_data_keys_master on tenant_data_keys (master_key_id);
    ${rowSecurity('tenant_data_keys')}
    ${announced('tenant_data_keys', 'tenant', 'tenant_id')}

    create table signing_keys (
      tenant_id    uuid        not null references tenants (id) on delete cascade,
      kid          text        not null,
      alg          text        not null check (alg in ('RS256', 'ES256')),
      -- next: published, does not sign yet; active: signs; retired: published, signs no more
      status       text        not null check (status in ('next', 'active', 'retired')),
      public_jwk   jsonb       not null,
      sealed       bytea,
      created_at   timestamptz not null,
      activated_at timestamptz,
      retired_at   timestamptz,
      primary key (tenant_id, kid),
      -- A retired key can verify, never sign: its private half is destroyed.
      check ((status = 'retired') = (sealed is null))
    );
    create unique index signing_keys_active on signing_keys (tenant_id, alg) where status = 'active';
    create unique index signing_keys_next on signing_keys (tenant_id, alg) where status = 'next';
    ${rowSecurity('signing_keys')}
    ${announced('signing_keys', 'tenant', 'tenant_id')}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(
    'drop table signing_keys; drop table tenant_data_keys; drop table tenant_domains; drop table tenants;',
  );
}
