import type { Knex } from 'knex';

/**
 * Sessions have an absolute end that no refresh moves, calls of our own API count as use, and a tenant may say how many a
 * user has at most. The functions of before stay for nodes that still call them while others are replaced.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Begins a session, or gives one to somebody else, only while that user is active, and only for a login that is not
    -- older than the last end of all sessions. A suspension at the same moment either comes first, and this raises, or
    -- comes later, and ends the session. GH003: not, or not any more. Where nobody says when the login was proven, it is
    -- known to the second, as the core keeps it.
    -- Where a user may have so many sessions at most, the oldest of the others end; logins of one user stand in line.
    create function oidc_begin_session(
      t uuid, u text, i bytea, account uuid, p jsonb, address text, agent text, until timestamptz, at_most integer,
      proven timestamptz
    ) returns void language plpgsql as $$
    declare about jsonb := jsonb_build_object('reason', 'account_switched', 'actorKind', 'user', 'actorId', account,
      'ip', address, 'userAgent', agent);
    begin
      if account is not null then
        perform look_past_tenants(true);
        proven := coalesce(proven, to_timestamp((p ->> 'loginTs')::bigint) + interval '999 milliseconds');
        if at_most is null then
          perform 1 from users where tenant_id = t and id = account and status = 'active'
            and (sessions_ended_at is null or proven >= sessions_ended_at) for share;
        else
          perform 1 from users where tenant_id = t and id = account and status = 'active'
            and (sessions_ended_at is null or proven >= sessions_ended_at) for no key update;
        end if;
        if not found then raise exception 'user is not active' using errcode = 'GH003'; end if;
        perform look_past_tenants(false);
        perform set_config('gatehouse.ending', about::text, true);
      end if;
      insert into oidc_session as s (tenant_id, uid, id_hash, account_id, payload, ip, user_agent, expires_at)
        values (t, u, i, account, p, address, agent, until)
        on conflict (tenant_id, uid) do update
          set id_hash = excluded.id_hash, account_id = excluded.account_id, payload = excluded.payload,
              ip = excluded.ip, user_agent = excluded.user_agent, seen_at = now(), expires_at = excluded.expires_at,
              created_at = case when s.account_id is distinct from excluded.account_id then now() else s.created_at end;
      if account is not null then
        perform set_config('gatehouse.ending', '', true);
        if at_most is not null then
          perform end_sessions(t, array(
            select uid from oidc_session where tenant_id = t and account_id = account and uid <> u and expires_at > now()
            order by created_at desc, uid desc offset at_most - 1), about || '{"reason": "session_limit"}');
        end if;
      end if;
    end $$;

    -- Holds a session that gives something away until that is committed: whoever ends it then waits, and takes along what
    -- it gave. GH004: it is over.
    create function oidc_hold_session(t uuid, u text) returns void language plpgsql as $$
    begin
      perform 1 from oidc_session where tenant_id = t and uid = u and expires_at > now() for key share;
      if not found then raise exception 'the session is over' using errcode = 'GH004'; end if;
    end $$;

    -- Turns a chain from one generation to the next. GH002: somebody turned it first. The session that the chain hangs
    -- on is kept awake until the given moment, at most once a minute.
    create or replace function oidc_rotate(
      t uuid, c text, g integer, p jsonb, device bytea, lives_until timestamptz, session_until timestamptz
    ) returns void language plpgsql as $$
    declare s text;
    begin
      update oidc_refresh_chain
        set generation = g, payload = p, rotated_by = device, rotated_at = now(), expires_at = lives_until
        where tenant_id = t and chain = c and generation = g - 1
        returning session_uid into s;
      if not found then raise exception 'already rotated' using errcode = 'GH002'; end if;
      if s is not null and session_until is not null then
        update oidc_session
          set seen_at = now(), expires_at = session_until,
              payload = jsonb_set(payload, '{exp}', to_jsonb(floor(extract(epoch from session_until))::bigint))
          where tenant_id = t and uid = s and expires_at > now() and seen_at < now() - interval '1 minute';
      end if;
    end $$;

    -- Whether an access token's session, user and tenant are alive now, and what the user may do. It keeps the session
    -- awake, at most once a minute and never past its absolute end; seconds.
    create function live_session(t uuid, u text, a uuid, idle integer, absolute integer)
      returns table (roles text[], permissions text[]) language plpgsql as $$
    declare seen timestamptz;
    begin
      perform look_past_tenants(true);
      for roles, permissions, seen in
        select coalesce(array_agg(r.name) filter (where r.name is not null), '{}'),
          coalesce(array(select distinct p from roles r2 join user_roles ur2 on ur2.tenant_id = r2.tenant_id and ur2.role_id = r2.id,
            unnest(r2.permissions) p where ur2.tenant_id = t and ur2.user_id = a), '{}'),
          s.seen_at
        from oidc_session s
          join tenants te on te.id = s.tenant_id and te.status = 'active'
          join users us on us.tenant_id = s.tenant_id and us.id = s.account_id and us.status = 'active'
          left join user_roles ur on ur.tenant_id = us.tenant_id and ur.user_id = us.id
          left join roles r on r.tenant_id = ur.tenant_id and r.id = ur.role_id
        where s.tenant_id = t and s.uid = u and s.account_id = a and s.expires_at > now()
        group by s.uid, s.seen_at
      loop
        return next;
      end loop;
      perform look_past_tenants(false);
      if seen < now() - interval '1 minute' then perform limit_session(t, u, idle, absolute, now()); end if;
    end $$;

    -- Ends a session no later than its lifetimes say, counted from the last use; with a moment, that is a use.
    create function limit_session(t uuid, u text, idle integer, absolute integer, used timestamptz) returns boolean
      language plpgsql as $$
    begin
      update oidc_session s
        set seen_at = coalesce(used, s.seen_at), expires_at = e.ends,
            payload = jsonb_set(s.payload, '{exp}', to_jsonb(floor(extract(epoch from e.ends))::bigint))
        from (select least(coalesce(used, o.seen_at) + idle * interval '1 second',
                to_timestamp((o.payload ->> 'loginTs')::bigint) + absolute * interval '1 second') as ends
              from oidc_session o where o.tenant_id = t and o.uid = u and o.account_id is not null) e
        where s.tenant_id = t and s.uid = u and s.expires_at > now() and case when used is null then s.expires_at > e.ends
          else s.seen_at < used - interval '1 minute' end;
      return found;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function live_session(uuid, text, uuid, integer, integer);
    drop function limit_session(uuid, text, integer, integer, timestamptz);
    drop function oidc_hold_session(uuid, text);
    drop function oidc_begin_session(uuid, text, bytea, uuid, jsonb, text, text, timestamptz, integer, timestamptz);
    create or replace function oidc_rotate(
      t uuid, c text, g integer, p jsonb, device bytea, lives_until timestamptz, session_until timestamptz
    ) returns void language plpgsql as $$
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
  `);
}
