import type { Knex } from 'knex';

/**
 * What the OIDC core keeps (src/oidc). Bearer values are never stored: an id is its SHA-256, and what must be read back
 * is sealed. These tables are exempt from row-level security: each statement names its key, tenant first, and one
 * prepared statement a request is the hot path.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- What a user allowed a client. Deleting it is the revocation: it cascades to all that was issued under it, and a
    -- token that is being issued at that moment cannot be inserted any more.
    create table oidc_grant (
      tenant_id  uuid        not null,
      id         text        not null,
      account_id uuid,
      client_id  text        not null,
      payload    jsonb       not null,
      expires_at timestamptz not null,
      primary key (tenant_id, id)
    );
    create index oidc_grant_account on oidc_grant (tenant_id, account_id);
    create index oidc_grant_client on oidc_grant (tenant_id, client_id);
    create index oidc_grant_expiry on oidc_grant (expires_at);

    -- The cookie's value rotates, the uid does not: one row per uid.
    create table oidc_session (
      tenant_id  uuid        not null,
      uid        text        not null,
      id_hash    bytea       not null,
      account_id uuid,
      payload    jsonb       not null,
      ip         text,
      user_agent text,
      created_at timestamptz not null default now(),
      seen_at    timestamptz not null default now(),
      expires_at timestamptz not null,
      primary key (tenant_id, uid)
    ) with (fillfactor = 80);
    create unique index oidc_session_id on oidc_session (tenant_id, id_hash);
    create index oidc_session_account on oidc_session (tenant_id, account_id) where account_id is not null;
    create index oidc_session_expiry on oidc_session (expires_at);

    -- Codes, opaque access tokens, device codes, registration tokens.
    create table oidc_token (
      tenant_id   uuid        not null,
      model       text        not null,
      id_hash     bytea       not null,
      grant_id    text,
      account_id  uuid,
      client_id   text,
      -- HMAC of the short code a person types (device flow)
      user_code   bytea,
      payload     jsonb       not null,
      sealed      bytea,
      -- wrong guesses of a code's verifier
      misses      smallint    not null default 0,
      consumed_at timestamptz,
      expires_at  timestamptz not null,
      primary key (tenant_id, model, id_hash),
      foreign key (tenant_id, grant_id) references oidc_grant (tenant_id, id) on delete cascade
    );
    create index oidc_token_grant on oidc_token (tenant_id, grant_id) where grant_id is not null;
    -- Tokens without a grant are a client's own; they go with it.
    create index oidc_token_client on oidc_token (tenant_id, client_id) where grant_id is null;
    create unique index oidc_token_user_code on oidc_token (tenant_id, user_code) where user_code is not null;
    create index oidc_token_expiry on oidc_token (expires_at);

    -- Refresh tokens: one row per chain, whatever the number of rotations. A value names its generation.
    create table oidc_refresh_chain (
      tenant_id   uuid        not null,
      chain       text        not null,
      generation  integer     not null,
      grant_id    text        not null,
      account_id  uuid,
      session_uid text,
      payload     jsonb       not null,
      -- hash of what asked for the last rotation; a repetition inside the grace must come from the same
      rotated_by  bytea,
      rotated_at  timestamptz not null default now(),
      started_at  timestamptz not null default now(),
      expires_at  timestamptz not null,
      primary key (tenant_id, chain),
      foreign key (tenant_id, grant_id) references oidc_grant (tenant_id, id) on delete cascade
    ) with (fillfactor = 70);
    create index oidc_refresh_chain_grant on oidc_refresh_chain (tenant_id, grant_id);
    create index oidc_refresh_chain_expiry on oidc_refresh_chain (expires_at);

    -- Interactions and pushed authorization requests: short-lived, sealed.
    create table oidc_transient (
      tenant_id   uuid        not null,
      model       text        not null,
      id_hash     bytea       not null,
      sealed      bytea       not null,
      consumed_at timestamptz,
      expires_at  timestamptz not null,
      primary key (tenant_id, model, id_hash)
    );
    create index oidc_transient_expiry on oidc_transient (expires_at);

    -- Insert-only: the one who inserts first was first (DPoP proofs, client assertions).
    create table oidc_replay (
      tenant_id  uuid        not null,
      id_hash    bytea       not null,
      expires_at timestamptz not null,
      primary key (tenant_id, id_hash)
    );
    create index oidc_replay_expiry on oidc_replay (expires_at);

    -- What must leave the house once the transaction that wrote it has committed.
    create table outbox (
      tenant_id    uuid        not null,
      id           uuid        not null,
      kind         text        not null,
      payload      jsonb       not null,
      attempts     integer     not null default 0,
      last_error   text,
      created_at   timestamptz not null,
      due_at       timestamptz not null,
      delivered_at timestamptz,
      dead_at      timestamptz,
      primary key (tenant_id, id)
    );
    -- The worker goes round the tenants, and takes what is due of each.
    create index outbox_due on outbox (tenant_id, due_at) where delivered_at is null and dead_at is null;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table outbox; drop table oidc_replay; drop table oidc_transient; drop table oidc_refresh_chain;
    drop table oidc_token; drop table oidc_session; drop table oidc_grant;
  `);
}
