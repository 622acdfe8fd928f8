import type { Knex } from 'knex';

/**
 * How sessions end. Whatever removes a row of oidc_session, the row's own trigger owes each relying party of it a logout
 * token and writes the line of the audit trail, in the same transaction: no way out can forget it. Who ends sessions
 * says why in the setting gatehouse.ending (reason, actorKind, actorId, ip, userAgent, requestId, at, id); without it
 * the line says that the database did.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- A UUIDv7 (RFC 9562 §5.7). With another one it is of the same moment and place in the order.
    create function new_id(like_id uuid default null) returns uuid language sql volatile as $$
      select (case when like_id is not null then left(replace(like_id::text, '-', ''), 16)
        else lpad(to_hex(us / 1000), 12, '0') || '7' || lpad(to_hex((us % 1000) * 4096 / 1000), 3, '0') end
        || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid
      from (select floor(extract(epoch from clock_timestamp()) * 1000000)::bigint as us) as now $$;

    -- The applications that a session gave something: those that it only asked for do not know of it.
    create function parts_of(payload jsonb) returns table (client_id text, sid text, grant_id text, persists boolean)
      language sql immutable as $$
      select key, value ->> 'sid', value ->> 'grantId', coalesce((value ->> 'persistsLogout')::boolean, false)
      from jsonb_each(case jsonb_typeof(payload -> 'authorizations') when 'object' then payload -> 'authorizations' else '{}' end)
      where value ->> 'grantId' is not null $$;

    -- Owes a relying party its logout token (OIDC Back-Channel Logout 1.0), where it has an address for it. What the token
    -- is made of is kept: the client may be gone when it is sent. Wants look_past_tenants, or metadata.
    create function queue_logout(t uuid, account uuid, iss text, client text, s text, metadata jsonb) returns void
      language plpgsql as $$
    begin
      if metadata ->> 'backchannel_logout_uri' is null then return; end if;
      -- One lane a client: one that does not answer holds up no other.
      insert into outbox (tenant_id, id, kind, lane, payload, created_at, due_at)
        values (t, new_id(), 'backchannel-logout', md5('logout:' || client)::uuid, jsonb_build_object('clientId', client, 'accountId', account, 'sid', s,
          'iss', iss, 'client', (select jsonb_object_agg(key, value) from jsonb_each(metadata) where key = any(array[
            'backchannel_logout_uri', 'backchannel_logout_session_required', 'id_token_signed_response_alg',
            'subject_type', 'sector_identifier_uri', 'redirect_uris']))), now(), now());
    end $$;

    -- A session is over: its row is gone, or has become somebody else's.
    create function session_over() returns trigger language plpgsql as $$
    declare
      about jsonb := coalesce(nullif(current_setting('gatehouse.ending', true), '')::jsonb, '{}');
      before text := coalesce(current_setting('gatehouse.operator', true), '');
      kind text := coalesce(about ->> 'actorKind', 'system');
      part record;
    begin
      perform set_config('gatehouse.operator', 'on', true);
      for part in
        select p.client_id, p.sid, (select c.metadata from clients c where c.tenant_id = old.tenant_id and c.client_id = p.client_id) as metadata
        from parts_of(old.payload) p
      loop
        perform queue_logout(old.tenant_id, old.account_id, old.payload ->> 'iss', part.client_id, part.sid, part.metadata);
      end loop;
      insert into audit_events (tenant_id, id, at, action, actor_kind, actor_id, target, ip, user_agent, request_id, details)
        values (old.tenant_id, new_id((about ->> 'id')::uuid), coalesce((about ->> 'at')::timestamptz, now()), 'session.ended', kind,
          coalesce(about ->> 'actorId', case kind when 'user' then old.account_id::text when 'system' then 'database' end),
          old.uid, about ->> 'ip', about ->> 'userAgent', about ->> 'requestId',
          jsonb_build_object('reason', coalesce(about ->> 'reason', 'removed'), 'userId', old.account_id));
      perform set_config('gatehouse.operator', before, true);
      return null;
    end $$;
    create trigger oidc_session_over after delete on oidc_session
      for each row when (old.account_id is not null) execute function session_over();
    create trigger oidc_session_switched after update of account_id on oidc_session
      for each row when (old.account_id is not null and old.account_id is distinct from new.account_id)
      execute function session_over();

    -- Ends sessions with all that hangs on them, but for grants that were made to outlive them (offline access). Grants
    -- go first, so that locks are taken in the order in which a refresh takes them: chain, then session.
    create function end_sessions(t uuid, uids text[], about jsonb) returns setof text language plpgsql as $$
    declare
      before text := coalesce(current_setting('gatehouse.ending', true), '');
      ended text[];
    begin
      if coalesce(cardinality(uids), 0) = 0 then return; end if;
      delete from oidc_grant g using oidc_session s, parts_of(s.payload) p
        where s.tenant_id = t and s.uid = any(uids) and g.tenant_id = t and g.id = p.grant_id and not p.persists;
      perform set_config('gatehouse.ending', about::text, true);
      with over as (
        delete from oidc_session s where s.tenant_id = t and s.uid = any(uids) returning s.uid, s.payload
      ), late as (
        -- What an authorization at this moment has added since.
        delete from oidc_grant g using over o, parts_of(o.payload) p where g.tenant_id = t and g.id = p.grant_id and not p.persists
      )
      select array_agg(over.uid) into ended from over;
      perform set_config('gatehouse.ending', before, true);
      return query select unnest(ended);
    end $$;

    -- Ends up to so many sessions whose time is over, leaving rows that a request holds. The grants go by themselves
    -- later: nothing that hangs on a session works without it.
    create function end_dead_sessions(at_most integer) returns integer language plpgsql as $$
    declare gone integer;
    begin
      perform set_config('gatehouse.ending', '{"reason": "expired", "actorKind": "system", "actorId": "expiry"}', true);
      delete from oidc_session where ctid = any(array(
        select ctid from oidc_session where expires_at < now() - interval '1 minute' limit at_most for update skip locked));
      get diagnostics gone = row_count;
      perform set_config('gatehouse.ending', '', true);
      return gone;
    end $$;

    -- Nothing outlives the user it was given to, whichever way the user ended.
    create or replace function user_ended() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' or new.status <> 'active' then
        delete from oidc_grant where tenant_id = old.tenant_id and account_id = old.id;
        perform end_sessions(old.tenant_id,
          array(select uid from oidc_session where tenant_id = old.tenant_id and account_id = old.id order by uid),
          jsonb_build_object('reason', case tg_op when 'DELETE' then 'user_removed' else 'user_' || new.status end));
        -- What one of them was giving away at that moment.
        delete from oidc_grant where tenant_id = old.tenant_id and account_id = old.id;
      end if;
      return null;
    end $$;

    -- The same for clients. Their relying parties are told in the background: there may be as many as users.
    create or replace function client_ended() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' or new.status <> 'active' then
        delete from oidc_grant where tenant_id = old.tenant_id and client_id = old.client_id;
        delete from oidc_token where tenant_id = old.tenant_id and client_id = old.client_id;
        if old.status = 'active' and old.metadata ->> 'backchannel_logout_uri' is not null then
          insert into outbox (tenant_id, id, kind, payload, created_at, due_at) values (old.tenant_id, new_id(), 'session-sweep',
            jsonb_build_object('what', 'client', 'clientId', old.client_id, 'metadata', old.metadata), now(), now());
        end if;
      end if;
      return null;
    end $$;

    -- A tenant that is shut ends its sessions, and shorter lifetimes hold for those that are there; in the background,
    -- since a tenant may have millions.
    create function tenant_changed() returns trigger language plpgsql as $$
    declare what text;
    begin
      if old.status = 'active' and new.status <> 'active' then what := 'tenant';
      elsif new.settings -> 'sessions' is distinct from old.settings -> 'sessions' then what := 'lifetimes';
      else return null;
      end if;
      insert into outbox (tenant_id, id, kind, payload, created_at, due_at)
        values (new.id, new_id(), 'session-sweep', jsonb_build_object('what', what, 'status', new.status), now(), now());
      return null;
    end $$;
    create trigger tenants_changed after update of status, settings on tenants for each row execute function tenant_changed();

    -- Goes through a tenant's sessions in the order of their names and takes an ended client out of them, where nothing
    -- was given to it anew since. The last name that was looked at; null: there are no more.
    create function end_parts(t uuid, client text, metadata jsonb, behind text, at_most integer) returns text
      language plpgsql as $$
    declare one record; last text;
    begin
      for one in
        select s.uid, s.account_id, s.payload ->> 'iss' as iss, s.payload #>> array['authorizations', client, 'sid'] as sid,
          s.payload #>> array['authorizations', client, 'grantId'] as grant_id
        from oidc_session s where s.tenant_id = t and s.uid > behind order by s.uid limit at_most
      loop
        last := one.uid;
        continue when one.grant_id is null or exists (select from oidc_grant where tenant_id = t and id = one.grant_id);
        update oidc_session s set payload = s.payload #- array['authorizations', client]
          where s.tenant_id = t and s.uid = one.uid and s.payload #>> array['authorizations', client, 'grantId'] = one.grant_id;
        if found then perform queue_logout(t, one.account_id, one.iss, client, one.sid, metadata); end if;
      end loop;
      return last;
    end $$;

    -- Takes a client out of a user's sessions, and tells it; the sessions go on. For the tenant of the transaction.
    create function leave_sessions(t uuid, account uuid, client text) returns void language plpgsql as $$
    declare one record; described jsonb;
    begin
      select metadata into described from clients where tenant_id = t and client_id = client;
      if not found then return; end if;
      for one in
        select s.uid, s.payload ->> 'iss' as iss, p.sid from oidc_session s, parts_of(s.payload) p
        where s.tenant_id = t and s.account_id = account and p.client_id = client order by s.uid for update of s
      loop
        update oidc_session set payload = payload #- array['authorizations', client] where tenant_id = t and uid = one.uid;
        perform queue_logout(t, account, one.iss, client, one.sid, described);
      end loop;
    end $$;

    -- Saves a session that is there. Two tabs that each add an application both keep theirs: only what changed is
    -- written. One that was ended meanwhile is not brought back. An application that was signed out of is told.
    create or replace function oidc_keep_session(t uuid, u text, i bytea, p jsonb, removed text[], until timestamptz)
      returns void language plpgsql as $$
    declare one record;
    begin
      if cardinality(removed) > 0 then
        perform look_past_tenants(true);
        for one in
          select s.account_id, s.payload ->> 'iss' as iss, a.client_id, a.sid,
            (select c.metadata from clients c where c.tenant_id = t and c.client_id = a.client_id) as metadata
          from (select account_id, payload from oidc_session where tenant_id = t and uid = u for update) s, parts_of(s.payload) a
          where a.client_id = any(removed)
        loop
          perform queue_logout(t, one.account_id, one.iss, one.client_id, one.sid, one.metadata);
        end loop;
        perform look_past_tenants(false);
      end if;
      update oidc_session
        set id_hash = i, seen_at = now(), expires_at = until,
            payload = p || jsonb_build_object('authorizations',
              (coalesce(payload -> 'authorizations', '{}') - removed) || coalesce(p -> 'authorizations', '{}'))
        where tenant_id = t and uid = u;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    create or replace function oidc_keep_session(t uuid, u text, i bytea, p jsonb, removed text[], until timestamptz)
      returns void language plpgsql as $$
    begin
      update oidc_session
        set id_hash = i, seen_at = now(), expires_at = until,
            payload = p || jsonb_build_object('authorizations',
              (coalesce(payload -> 'authorizations', '{}') - removed) || coalesce(p -> 'authorizations', '{}'))
        where tenant_id = t and uid = u;
    end $$;
    create or replace function client_ended() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' or new.status <> 'active' then
        delete from oidc_grant where tenant_id = old.tenant_id and client_id = old.client_id;
        delete from oidc_token where tenant_id = old.tenant_id and client_id = old.client_id;
      end if;
      return null;
    end $$;
    create or replace function user_ended() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' or new.status <> 'active' then
        delete from oidc_grant where tenant_id = old.tenant_id and account_id = old.id;
        delete from oidc_session where tenant_id = old.tenant_id and account_id = old.id;
      end if;
      return null;
    end $$;
    drop trigger tenants_changed on tenants; drop function tenant_changed();
    drop trigger oidc_session_over on oidc_session; drop trigger oidc_session_switched on oidc_session;
    drop function leave_sessions(uuid, uuid, text); drop function session_over(); drop function end_parts(uuid, text, jsonb, text, integer); drop function end_dead_sessions(integer);
    drop function end_sessions(uuid, text[], jsonb); drop function queue_logout(uuid, uuid, text, text, text, jsonb);
    drop function parts_of(jsonb); drop function new_id(uuid);
  `);
}
