import type { Knex } from 'knex';

/**
 * When all sessions of a user were last ended. Whoever proved a password before that moment and has not followed the
 * redirect yet must not come in afterwards: it may be the thief whom the owner has just thrown out.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table users add column sessions_ended_at timestamptz;

    -- Begins a session, or gives one to somebody else, only while that user is active, and only for a login that is not
    -- older than the last end of all sessions (to the second, as the core keeps it). A suspension at the same moment
    -- either comes first, and this raises, or comes later, and ends the session. GH003: not, or not any more.
    create or replace function oidc_begin_session(
      t uuid, u text, i bytea, account uuid, p jsonb, address text, agent text, until timestamptz
    ) returns void language plpgsql as $$
    begin
      if account is not null then
        perform look_past_tenants(true);
        perform 1 from users where tenant_id = t and id = account and status = 'active'
          and (sessions_ended_at is null or (p ->> 'loginTs')::bigint >= floor(extract(epoch from sessions_ended_at)))
          for share;
        if not found then raise exception 'user is not active' using errcode = 'GH003'; end if;
        perform look_past_tenants(false);
      end if;
      insert into oidc_session (tenant_id, uid, id_hash, account_id, payload, ip, user_agent, expires_at)
        values (t, u, i, account, p, address, agent, until)
        on conflict (tenant_id, uid) do update
          set id_hash = excluded.id_hash, account_id = excluded.account_id, payload = excluded.payload,
              seen_at = now(), expires_at = excluded.expires_at;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    create or replace function oidc_begin_session(
      t uuid, u text, i bytea, account uuid, p jsonb, address text, agent text, until timestamptz
    ) returns void language plpgsql as $$
    begin
      if account is not null then
        perform look_past_tenants(true);
        perform 1 from users where tenant_id = t and id = account and status = 'active' for share;
        if not found then raise exception 'user is not active' using errcode = 'GH003'; end if;
        perform look_past_tenants(false);
      end if;
      insert into oidc_session (tenant_id, uid, id_hash, account_id, payload, ip, user_agent, expires_at)
        values (t, u, i, account, p, address, agent, until)
        on conflict (tenant_id, uid) do update
          set id_hash = excluded.id_hash, account_id = excluded.account_id, payload = excluded.payload,
              seen_at = now(), expires_at = excluded.expires_at;
    end $$;
    alter table users drop column sessions_ended_at;
  `);
}
