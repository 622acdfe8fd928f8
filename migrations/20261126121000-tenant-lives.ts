import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** How tenants end and come back, which slugs are spent, and how many users each has, without counting them. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    select set_config('gatehouse.operator', 'on', true);
    alter table tenants
      -- what the operators and the tenant's applications keep beside the settings; Gatehouse does not read it
      add column config jsonb not null default '{}',
      add column deleted_at timestamptz,
      -- what a deleted tenant is again when it is restored
      add column restores_to text check (restores_to in ('active', 'suspended'));
    update tenants set deleted_at = updated_at, restores_to = 'suspended' where status = 'deleted';
    alter table tenants add constraint tenants_deleted_since
      check ((status = 'deleted') = (deleted_at is not null) and (status = 'deleted') = (restores_to is not null));
    create index tenants_deleted on tenants (deleted_at) where deleted_at is not null;

    -- Slugs that tenants had who are gone, or who have another one now. A slug is part of an issuer's URL: who got it would
    -- get the trust that others still have in it.
    create table spent_slugs (
      slug     text        primary key,
      spent_at timestamptz not null
    );
    create function slug_spent() returns trigger language plpgsql as $$
    begin
      if exists (select from spent_slugs where slug = new.slug) then
        -- a new tenant is left out, as one whose slug another has; a new slug is refused like a second one
        if tg_op = 'INSERT' then return null; end if;
        raise exception 'the slug is spent' using errcode = 'unique_violation', constraint = 'tenants_slug';
      end if;
      if tg_op = 'UPDATE' then insert into spent_slugs values (old.slug, now()) on conflict do nothing; end if;
      return new;
    end $$;
    create trigger tenants_slug_new before insert on tenants for each row execute function slug_spent();
    create trigger tenants_slug_changed before update of slug on tenants for each row
      when (old.slug is distinct from new.slug) execute function slug_spent();
    create function slug_left() returns trigger language plpgsql as $$
    begin
      insert into spent_slugs values (old.slug, now()) on conflict do nothing;
      return null;
    end $$;
    create trigger tenants_slug_left after delete on tenants for each row execute function slug_left();

    -- How many users a tenant has who are not gone for good: the sum of its rows. They are several, so that those who make
    -- users at the same time do not wait for each other.
    create table user_counts (
      tenant_id uuid    not null references tenants (id) on delete cascade,
      part      integer not null,
      users     bigint  not null,
      primary key (tenant_id, part)
    );
    ${rowSecurity('user_counts')}
    create function user_counted() returns trigger language plpgsql as $$
    declare change integer := tg_argv[0];
    begin
      insert into user_counts as c (tenant_id, part, users)
        select t.id, pg_backend_pid() % 8, change * count(*) from changed u join tenants t on t.id = u.tenant_id
          where u.status <> 'deactivated' group by t.id order by t.id
        on conflict (tenant_id, part) do update set users = c.users + excluded.users;
      return null;
    end $$;
    create trigger users_counted_more after insert on users referencing new table as changed
      for each statement execute function user_counted('1');
    create trigger users_counted_less after delete on users referencing old table as changed
      for each statement execute function user_counted('-1');
    -- By row: with a table of what changed, it would have to run at every sign-in.
    create function user_counted_anew() returns trigger language plpgsql as $$
    begin
      insert into user_counts as c (tenant_id, part, users)
        values (new.tenant_id, pg_backend_pid() % 8, case new.status when 'deactivated' then -1 else 1 end)
        on conflict (tenant_id, part) do update set users = c.users + excluded.users;
      return null;
    end $$;
    create trigger users_counted_anew after update of status on users for each row
      when ((old.status = 'deactivated') is distinct from (new.status = 'deactivated')) execute function user_counted_anew();
    insert into user_counts (tenant_id, part, users)
      select tenant_id, 0, count(*) from users where status <> 'deactivated' group by tenant_id;
    select set_config('gatehouse.operator', '', true);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger users_counted_anew on users; drop trigger users_counted_less on users; drop trigger users_counted_more on users;
    drop function user_counted_anew(); drop function user_counted(); drop table user_counts;
    drop trigger tenants_slug_left on tenants; drop trigger tenants_slug_changed on tenants; drop trigger tenants_slug_new on tenants;
    drop function slug_left(); drop function slug_spent(); drop table spent_slugs;
    drop index tenants_deleted;
    alter table tenants drop constraint tenants_deleted_since, drop column restores_to, drop column deleted_at, drop column config;
  `);
}
