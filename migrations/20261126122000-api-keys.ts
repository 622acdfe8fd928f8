import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** Keys by which programs call our API without a token. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table api_keys (
      tenant_id      uuid        not null references tenants (id) on delete cascade,
      id             uuid        not null,
      name           text        not null,
      -- Whose rights bound it, and with whom it ends: a user, or a client. Neither: the service itself made it.
      owner_user     uuid,
      owner_client   text,
      -- permissions, as they were asked for
      scopes         text[]      not null,
      allowed_ips    text[]      not null,
      -- SHA-256 of a value with 256 random bits
      hash           bytea       not null check (length(hash) = 32),
      -- the one before it, which opens too until then
      previous_hash  bytea,
      previous_until timestamptz,
      expires_at     timestamptz,
      -- to the minute
      last_used_at   timestamptz,
      created_at     timestamptz not null,
      primary key (tenant_id, id),
      foreign key (tenant_id, owner_user) references users (tenant_id, id) on delete cascade,
      foreign key (tenant_id, owner_client) references clients (tenant_id, client_id) on delete cascade,
      check (owner_user is null or owner_client is null),
      check ((previous_hash is null) = (previous_until is null))
    );
    -- A request shows a key and names no tenant.
    create unique index api_keys_anywhere on api_keys (id);
    create index api_keys_user on api_keys (tenant_id, owner_user) where owner_user is not null;
    create index api_keys_client on api_keys (tenant_id, owner_client) where owner_client is not null;
    ${rowSecurity('api_keys')}

    -- A key whose tenant and owner are alive now, and what the owner may do.
    create function live_api_key(k uuid)
      returns table (tenant_id uuid, scopes text[], allowed_ips text[], hash bytea, previous_hash bytea,
        previous_until timestamptz, expires_at timestamptz, last_used_at timestamptz, owner_user uuid, owner_client text,
        roles text[], permissions text[]) language plpgsql as $$
    begin
      perform look_past_tenants(true);
      return query
        with found as (
          select a.* from api_keys a join tenants te on te.id = a.tenant_id and te.status = 'active' where a.id = $1
        ), held as (
          select r.name, r.permissions from found f
            join user_roles g on g.tenant_id = f.tenant_id and g.user_id = f.owner_user
            join roles r on r.tenant_id = g.tenant_id and r.id = g.role_id
          union all
          select r.name, r.permissions from found f
            join client_roles g on g.tenant_id = f.tenant_id and g.client_id = f.owner_client
            join roles r on r.tenant_id = g.tenant_id and r.id = g.role_id
        )
        select f.tenant_id, f.scopes, f.allowed_ips, f.hash, f.previous_hash, f.previous_until, f.expires_at, f.last_used_at,
          f.owner_user, f.owner_client,
          array(select h.name from held h), array(select distinct p from held h, unnest(h.permissions) p)
        from found f
        where (f.owner_user is null or exists (
            select from users u where u.tenant_id = f.tenant_id and u.id = f.owner_user and u.status = 'active'))
          and (f.owner_client is null or exists (
            select from clients c where c.tenant_id = f.tenant_id and c.client_id = f.owner_client and c.status = 'active'));
      perform look_past_tenants(false);
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function live_api_key(uuid); drop table api_keys;');
}
