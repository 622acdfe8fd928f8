import type { Knex } from 'knex';
import { announced, rowSecurity } from '../src/database/row-security.ts';

/** The applications of a tenant: OAuth clients with their secrets, and the APIs that access tokens are made for. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table clients (
      tenant_id             uuid        not null references tenants (id) on delete cascade,
      client_id             text        not null check (client_id ~ '^[!-~]{1,128}$'),
      kind                  text        not null check (kind in ('web', 'spa', 'native', 'service', 'partner')),
      name                  text        not null,
      status                text        not null check (status in ('active', 'disabled')),
      -- First-party: no consent page.
      first_party           boolean     not null default false,
      -- Made by dynamic registration (RFC 7591).
      registered            boolean     not null default false,
      -- RFC 7591 names; never a secret
      metadata              jsonb       not null,
      pkce_required         boolean     not null default true,
      -- 'fapi2': the FAPI 2.0 security profile
      profile               text        check (profile in ('fapi2')),
      -- Older libraries put the token endpoint into a client assertion's audience (RFC 10070 forbids it).
      legacy_assertions     boolean     not null default false,
      -- Scopes of the tenant's APIs that the client may ask for; null: all
      api_scopes            text[],
      allowed_origins       text[]      not null default '{}',
      allowed_ips           text[]      not null default '{}',
      rate_limit_per_minute integer     check (rate_limit_per_minute between 1 and 1000000),
      created_at            timestamptz not null,
      updated_at            timestamptz not null,
      primary key (tenant_id, client_id)
    );
    -- /oauth/* without a tenant finds the client's own.
    create index clients_anywhere on clients (client_id);
    ${rowSecurity('clients')}
    ${announced('clients', 'client', 'tenant_id', 'client_id')}

    -- Several may live at once: that is how a secret is rotated without an outage.
    create table client_secrets (
      tenant_id  uuid        not null,
      client_id  text        not null,
      id         uuid        not null,
      -- HMAC-SHA-256 under a key of the tenant
      hash       bytea       not null,
      created_at timestamptz not null,
      expires_at timestamptz,
      primary key (tenant_id, client_id, id),
      foreign key (tenant_id, client_id) references clients (tenant_id, client_id) on delete cascade
    );
    ${rowSecurity('client_secrets')}
    ${announced('client_secrets', 'client', 'tenant_id', 'client_id')}

    -- RFC 8707 calls it a resource; identifier is what clients name in 'resource' and find in 'aud'.
    create table apis (
      tenant_id            uuid        not null references tenants (id) on delete cascade,
      id                   uuid        not null,
      identifier           text        not null,
      name                 text        not null,
      scopes               text[]      not null,
      access_token_format  text        not null check (access_token_format in ('jwt', 'opaque')),
      signing_alg          text        not null check (signing_alg in ('RS256', 'ES256')),
      access_token_seconds integer     not null check (access_token_seconds between 60 and 86400),
      created_at           timestamptz not null,
      updated_at           timestamptz not null,
      primary key (tenant_id, id)
    );
    create unique index apis_identifier on apis (tenant_id, identifier);
    ${rowSecurity('apis')}
    ${announced('apis', 'tenant', 'tenant_id')}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table apis; drop table client_secrets; drop table clients;');
}
