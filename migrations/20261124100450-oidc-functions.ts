import type { Knex } from 'knex';

/**
 * The steps of the core that must not be lost to a race, each as one function that raises when it comes too late, and
 * the promise that nothing outlives the user or client it was given to. A function that calls look_past_tenants looks
 * past row-level security for the rest of its transaction, or until it looks back; each filters by tenant itself. (A
 * `set` clause would do the same, but only a superuser may put a setting of ours into one.)
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function look_past_tenants(yes boolean) returns void language sql
      as $$ select set_config('gatehouse.operator', case when yes then 'on' else '' end, true) $$;

    -- Spends a single-use value. GH001: it was spent, or revoked, before.
    create function oidc_consume(t uuid, m text, i bytea) returns void language plpgsql as $$
    begin
      update oidc_token set consumed_at = now() where tenant_id = t and model = m and id_hash = i and consumed_at is null;
      if not found then raise exception 'already used' using errcode = 'GH001'; end if;
    end $$;

    create function oidc_consume_transient(t uuid, m text, i bytea) returns void language plpgsql as $$
    begin
      update oidc_transient set consumed_at = now() where tenant_id = t and model = m and id_hash = i and consumed_at is null;
      if not found then raise exception 'already used' using errcode = 'GH001'; end if;
    end $$;

    -- Turns a chain from one generation to the next. GH002: somebody turned it first. The session that the chain hangs
    -- on is kept awake, at most once a minute.
    create function oidc_rotate(t uuid, c text, g integer, p jsonb, device bytea, lives_until timestamptz, session_until timestamptz)
      returns void language plpgsql as $$
    declare s text;
    begin
      update oidc_refresh_chain
        set generation = g, payload = p, rotated_by = device, rotated_at = now(), expires_at = lives_until
        where tenant_id = t and chain = c and generation = g - 1
        returning session_uid into s;
      if not found then raise exception 'already rotated' using errcode = 'GH002'; end if;
      if s is not null and session_until is not null then
        update oidc_session
          set seen_at = now(), expires_at = greatest(expires_at, session_until),
              payload = jsonb_set(payload, '{exp}', to_jsonb(floor(extract(epoch from greatest(expires_at, session_until)))::bigint))
          where tenant_id = t and uid = s and seen_at < now() - interval '1 minute';
      end if;
    end $$;

    -- Begins a session, or gives one to somebody else, only while that user is active: a suspension at the same moment
    -- either comes first, and this raises, or comes later, and ends the session. GH003: the user is not active.
    create function oidc_begin_session(t uuid, u text, i bytea, account uuid, p jsonb, address text, agent text, until timestamptz)
      returns void language plpgsql as $$
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

    -- Saves a session that is there. Two tabs that each add an application both keep theirs: only what changed is
    -- written. One that was ended meanwhile is not brought back.
    create function oidc_keep_session(t uuid, u text, i bytea, p jsonb, removed text[], until timestamptz)
      returns void language plpgsql as $$
    begin
      update oidc_session
        set id_hash = i, seen_at = now(), expires_at = until,
            payload = p || jsonb_build_object('authorizations',
              (coalesce(payload -> 'authorizations', '{}') - removed) || coalesce(p -> 'authorizations', '{}'))
        where tenant_id = t and uid = u;
    end $$;

    -- What the claims of a user are made of; one statement, roles included.
    create function oidc_account(t uuid, a uuid)
      returns table (email text, email_verified boolean, username text, phone text, phone_verified boolean, first_name text,
        last_name text, locale text, timezone text, updated_at timestamptz, roles text[])
      language plpgsql as $$
    begin
      perform look_past_tenants(true);
      return query
        select u.email, u.email_verified, u.username, u.phone, u.phone_verified, u.first_name, u.last_name, u.locale, u.timezone,
          u.updated_at, array(select r.name from user_roles ur join roles r on r.tenant_id = ur.tenant_id and r.id = ur.role_id
            where ur.tenant_id = t and ur.user_id = a order by r.name)
        from users u where u.tenant_id = t and u.id = a and u.status = 'active';
      perform look_past_tenants(false);
    end $$;

    -- Whether an access token's session, user and tenant are alive now, and what the user may do.
    create function live_session(t uuid, u text, a uuid)
      returns table (roles text[], permissions text[]) language plpgsql as $$
    begin
      perform look_past_tenants(true);
      return query
        select coalesce(array_agg(r.name) filter (where r.name is not null), '{}'),
          coalesce(array(select distinct p from roles r2 join user_roles ur2 on ur2.tenant_id = r2.tenant_id and ur2.role_id = r2.id,
            unnest(r2.permissions) p where ur2.tenant_id = t and ur2.user_id = a), '{}')
        from oidc_session s
          join tenants te on te.id = s.tenant_id and te.status = 'active'
          join users us on us.tenant_id = s.tenant_id and us.id = s.account_id and us.status = 'active'
          left join user_roles ur on ur.tenant_id = us.tenant_id and ur.user_id = us.id
          left join roles r on r.tenant_id = ur.tenant_id and r.id = ur.role_id
        where s.tenant_id = t and s.uid = u and s.account_id = a and s.expires_at > now()
        group by s.uid;
      perform look_past_tenants(false);
    end $$;

    -- Nothing outlives the user it was given to, whichever way the user ended.
    create function user_ended() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' or new.status <> 'active' then
        delete from oidc_grant where tenant_id = old.tenant_id and account_id = old.id;
        delete from oidc_session where tenant_id = old.tenant_id and account_id = old.id;
      end if;
      return null;
    end $$;
    create trigger users_ended after update of status or delete on users for each row execute function user_ended();

    create function client_ended() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' or new.status <> 'active' then
        delete from oidc_grant where tenant_id = old.tenant_id and client_id = old.client_id;
        delete from oidc_token where tenant_id = old.tenant_id and client_id = old.client_id;
      end if;
      return null;
    end $$;
    create trigger clients_ended after update of status or delete on clients for each row execute function client_ended();

    create function outbox_news() returns trigger language plpgsql as $$
    begin perform pg_notify('gatehouse', 'outbox:'); return null; end $$;
    create trigger outbox_news after insert on outbox for each statement execute function outbox_news();
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function look_past_tenants(boolean);
    drop trigger outbox_news on outbox; drop trigger clients_ended on clients; drop trigger users_ended on users;
    drop function outbox_news(); drop function client_ended(); drop function user_ended(); drop function live_session(uuid, text, uuid);
    drop function oidc_account(uuid, uuid); drop function oidc_keep_session(uuid, text, bytea, jsonb, text[], timestamptz);
    drop function oidc_begin_session(uuid, text, bytea, uuid, jsonb, text, text, timestamptz);
    drop function oidc_rotate(uuid, text, integer, jsonb, bytea, timestamptz, timestamptz);
    drop function oidc_consume_transient(uuid, text, bytea); drop function oidc_consume(uuid, text, bytea);
  `);
}
