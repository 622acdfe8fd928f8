import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** What a record of the audit trail is made of, chained or not. */
const RECORD = `
      tenant_id     uuid        not null,
      id            uuid        not null,
      at            timestamptz not null,
      action        text        not null,
      actor_kind    text        not null,
      actor_id      text,
      -- what was acted on: user, role, … and its id or name
      resource      text,
      resource_id   text,
      request_id    text,
      -- whose data the state is, and the origin where nobody is known to have acted
      person        uuid,
      -- Where it came from, and what was before and after: the very text that was hashed. Null with a digest: erased.
      origin        json,
      origin_salt   bytea,
      origin_digest bytea,
      state         json,
      state_salt    bytea,
      state_digest  bytea`;

/**
 * The audit trail as a chain. A transaction writes its record into audit_pending, whose one index makes that cheap; a
 * moment later records are moved, in order, into audit_chain, where each has the hash of the one before it. So no login
 * waits for another, and no record is ever updated, but to erase a person's data: hashes are over salted digests of it.
 *
 * Nothing was released with the earlier table; it is replaced.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table audit_events;

    create table audit_pending (${RECORD},
      -- SHA-256 of the record, and its HMAC under a key of the tenant; null for what the database itself has written
      digest        bytea,
      mac           bytea,
      primary key (tenant_id, id)
    )
    -- Rows come and go all the time: what is left of them must not pile up.
    with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
    ${rowSecurity('audit_pending')}

    create table audit_chain (${RECORD},
      digest        bytea       not null,
      mac           bytea       not null,
      seq           bigint      not null,
      -- the record before this one: names it when somebody has removed it
      previous      uuid        not null,
      hash          bytea       not null,
      primary key (tenant_id, seq, at)
    ) partition by range (at);
    create index audit_chain_at on audit_chain (tenant_id, at, id);
    create index audit_chain_actor on audit_chain (tenant_id, actor_id, at, id);
    create index audit_chain_action on audit_chain (tenant_id, action, at, id);
    create index audit_chain_resource on audit_chain (tenant_id, resource, at, id);
    create index audit_chain_resource_id on audit_chain (tenant_id, resource_id, at, id);
    create index audit_chain_person on audit_chain (tenant_id, person) where person is not null;
    ${rowSecurity('audit_chain')}

    -- Two points of a tenant's chain, each signed with a key that is not in the database: its head, whose row is the lock
    -- under which the chain grows, and its base, behind which records were dropped after their time.
    create table audit_checkpoints (
      tenant_id uuid        not null references tenants (id) on delete cascade,
      kind      text        not null check (kind in ('head', 'base')),
      seq       bigint      not null,
      record_id uuid        not null,
      hash      bytea       not null,
      at        timestamptz not null,
      signature bytea       not null,
      primary key (tenant_id, kind)
    );
    ${rowSecurity('audit_checkpoints')}

    -- The table for the records of a month (UTC). Made ahead by a job, or when a record needs it; one at a time.
    create function audit_month(moment timestamptz) returns void language plpgsql as $$
    declare
      first timestamp := date_trunc('month', moment at time zone 'UTC');
      name text := 'audit_chain_' || to_char(first, 'YYYY_MM');
    begin
      if to_regclass(name) is not null then return; end if;
      perform pg_advisory_xact_lock(hashtextextended('audit_month', 0));
      if to_regclass(name) is not null then return; end if;
      execute format('create table %I (like audit_chain)', name);
      execute format('alter table %I enable row level security', name);
      execute format('alter table %I force row level security', name);
      execute format('alter table %I alter column tenant_id set (n_distinct = -0.01)', name);
      execute format('create policy tenant on %I using (tenant_id = (select gatehouse_tenant()) or (select gatehouse_operator()))', name);
      -- Attaching, unlike creating in place, lets readers and writers of the other months go on.
      execute format('alter table audit_chain attach partition %I for values from (%L) to (%L)',
        name, first at time zone 'UTC', (first + interval '1 month') at time zone 'UTC');
    end $$;

    -- Moves up to so many pending records behind the given end of the chain, the oldest first. The caller holds the head.
    create function audit_extend(t uuid, seq_before bigint, hash_before bytea, id_before uuid, most integer)
      returns table (seq bigint, hash bytea, record_id uuid, moved uuid[]) language plpgsql as $$
    declare
      ids uuid[] := array(select p.id from audit_pending p where p.tenant_id = t and p.mac is not null order by p.id limit most);
      moment timestamptz;
      one audit_pending;
    begin
      for moment in
        select distinct date_trunc('month', p.at at time zone 'UTC') at time zone 'UTC' from audit_pending p
          where p.tenant_id = t and p.id = any(ids)
      loop
        perform audit_month(moment);
      end loop;
      seq := seq_before; hash := hash_before; record_id := id_before; moved := ids;
      for one in
        with gone as (delete from audit_pending p where p.tenant_id = t and p.id = any(ids) returning p.*)
        select * from gone order by gone.id
      loop
        seq := seq + 1;
        hash := sha256(hash || int8send(seq) || uuid_send(record_id) || one.digest);
        insert into audit_chain values (one.*, seq, record_id, hash);
        record_id := one.id;
      end loop;
      return next;
    end $$;

    -- Drops the tables of months that have ended before the given moment and hold nothing but what is behind its base.
    create function audit_drop_months(before timestamptz) returns integer language plpgsql as $$
    declare
      part record;
      left_over boolean;
      dropped integer := 0;
    begin
      -- One node does it for all.
      if not pg_try_advisory_xact_lock(hashtextextended('audit_drop_months', 0)) then return 0; end if;
      for part in
        -- Materialized: the planner would read months out of the names of other tables.
        with parts as materialized (
          select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'audit_chain'::regclass
        )
        select name from parts
          where to_date(right(name, 7), 'YYYY_MM') + interval '1 month' <= before at time zone 'UTC' order by name
      loop
        execute format('select exists (select from %I r where r.seq > coalesce(
          (select b.seq from audit_checkpoints b where b.tenant_id = r.tenant_id and b.kind = ''base''), 0))', part.name)
          into left_over;
        continue when left_over;
        lock table audit_chain in access exclusive mode;
        -- Somebody may have come in between.
        execute format('select exists (select from %I r where r.seq > coalesce(
          (select b.seq from audit_checkpoints b where b.tenant_id = r.tenant_id and b.kind = ''base''), 0))', part.name)
          into left_over;
        continue when left_over;
        execute format('drop table %I', part.name);
        dropped := dropped + 1;
      end loop;
      return dropped;
    end $$;

    -- The whole trail, for people with SQL, and for lines that the database itself writes (a trigger).
    create view audit_events with (security_invoker = true) as
      select tenant_id, id, at, action, actor_kind, actor_id, resource, resource_id,
        case when resource_id is null then resource else resource || ':' || resource_id end as target,
        origin ->> 'ip' as ip, origin ->> 'userAgent' as user_agent, request_id,
        (state -> 'before')::jsonb as before, (state -> 'after')::jsonb as after,
        coalesce((state -> 'details')::jsonb, '{}') as details
      from audit_pending
      union all
      select tenant_id, id, at, action, actor_kind, actor_id, resource, resource_id,
        case when resource_id is null then resource else resource || ':' || resource_id end,
        origin ->> 'ip', origin ->> 'userAgent', request_id,
        (state -> 'before')::jsonb, (state -> 'after')::jsonb, coalesce((state -> 'details')::jsonb, '{}')
      from audit_chain;

    -- A line without a MAC: a node gives it one when it chains it, where the database may write such a line.
    create function audit_line() returns trigger language plpgsql as $$
    declare
      named boolean := position(':' in coalesce(new.target, '')) > 0;
    begin
      insert into audit_pending (tenant_id, id, at, action, actor_kind, actor_id, resource, resource_id, request_id, person, origin, state)
        values (new.tenant_id, new.id, new.at, new.action, new.actor_kind, new.actor_id,
          case when named then split_part(new.target, ':', 1) when new.target is not null then split_part(new.action, '.', 1) end,
          case when named then substr(new.target, position(':' in new.target) + 1) else new.target end,
          new.request_id,
          case when new.details ->> 'userId' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (new.details ->> 'userId')::uuid end,
          case when coalesce(new.ip, new.user_agent) is not null then json_build_object('ip', new.ip, 'userAgent', new.user_agent) end,
          json_build_object('details', new.details));
      return new;
    end $$;
    create trigger audit_line instead of insert on audit_events for each row execute function audit_line();
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop view audit_events; drop function audit_line(); drop function audit_drop_months(timestamptz);
    drop function audit_extend(uuid, bigint, bytea, uuid, integer); drop function audit_month(timestamptz);
    drop table audit_checkpoints; drop table audit_chain; drop table audit_pending;
    create table audit_events (
      tenant_id  uuid        not null,
      id         uuid        not null,
      at         timestamptz not null,
      action     text        not null,
      actor_kind text        not null,
      actor_id   text,
      target     text,
      ip         text,
      user_agent text,
      request_id text,
      details    jsonb       not null default '{}',
      primary key (tenant_id, id)
    );
    ${rowSecurity('audit_events')}
  `);
}
