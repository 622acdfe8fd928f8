import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** The organisation tree of each tenant, and who belongs to which of its nodes with which roles. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table nodes (
      tenant_id  uuid        not null references tenants (id) on delete cascade,
      id         uuid        not null,
      parent_id  uuid,
      type       text        not null check (type in ('tenant', 'organization', 'facility', 'department', 'team')),
      name       text        not null,
      -- The name as names are compared, sorted and searched: by code units, whatever the database collates by.
      name_key   text        collate "C" not null,
      legal_name text,
      legal_key  text        collate "C",
      country    text        check (country ~ '^[A-Z]{2}$'),
      -- archived: out of use, and all that is below it
      status     text        not null check (status in ('active', 'archived')),
      created_at timestamptz not null,
      updated_at timestamptz not null,
      primary key (tenant_id, id),
      foreign key (tenant_id, parent_id) references nodes (tenant_id, id),
      -- The root is the tenant: it has its id, and nothing above it.
      check ((type = 'tenant') = (parent_id is null)),
      check ((type = 'tenant') = (id = tenant_id))
    );
    -- Siblings differ by name. Children are found, counted and listed by it.
    create unique index nodes_sibling on nodes (tenant_id, parent_id, name_key);
    -- All that a list asks for is in its index: a search reads no row but those that it shows.
    create index nodes_name on nodes (tenant_id, name_key, id) include (legal_key, status);
    create index nodes_type on nodes (tenant_id, type, name_key, id) include (legal_key, status);
    -- Most nodes have none below them. The planner counts those that have, and would read the whole table to look below one.
    alter table nodes alter column parent_id set (n_distinct = -0.9);
    ${rowSecurity('nodes')}

    create table node_members (
      tenant_id  uuid        not null,
      node_id    uuid        not null,
      user_id    uuid        not null,
      created_at timestamptz not null,
      primary key (tenant_id, node_id, user_id),
      foreign key (tenant_id, node_id) references nodes (tenant_id, id) on delete cascade,
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
    );
    create index node_members_user on node_members (tenant_id, user_id);
    ${rowSecurity('node_members')}

    -- What a member may do there; it says nothing of the tenant as a whole.
    create table node_member_roles (
      tenant_id  uuid        not null,
      node_id    uuid        not null,
      user_id    uuid        not null,
      role_id    uuid        not null,
      granted_at timestamptz not null,
      granted_by uuid,
      primary key (tenant_id, node_id, user_id, role_id),
      foreign key (tenant_id, node_id, user_id) references node_members (tenant_id, node_id, user_id) on delete cascade,
      foreign key (tenant_id, role_id) references roles (tenant_id, id) on delete cascade
    );
    create index node_member_roles_role on node_member_roles (tenant_id, role_id);
    create index node_member_roles_user on node_member_roles (tenant_id, user_id);
    ${rowSecurity('node_member_roles')}

    -- Every tenant has a root from its first moment, and the root has the tenant's name.
    create function tenant_root() returns trigger language plpgsql as $$
    begin
      if tg_op = 'INSERT' then
        insert into nodes (tenant_id, id, type, name, name_key, status, created_at, updated_at)
          values (new.id, new.id, 'tenant', new.name, lower(new.name), 'active', new.created_at, new.created_at);
      else
        update nodes set name = new.name, name_key = lower(new.name), updated_at = new.updated_at
          where tenant_id = new.id and id = new.id;
      end if;
      return null;
    end $$;
    select set_config('gatehouse.operator', 'on', true);
    insert into nodes (tenant_id, id, type, name, name_key, status, created_at, updated_at)
      select id, id, 'tenant', name, lower(name), 'active', created_at, created_at from tenants;
    select set_config('gatehouse.operator', '', true);
    create trigger tenants_root_made after insert on tenants for each row execute function tenant_root();
    create trigger tenants_root_named after update of name on tenants for each row
      when (old.name is distinct from new.name) execute function tenant_root();

    -- Who is gone for good belongs to no node any more, whichever way they went. In order, so that nobody waits in a ring.
    create function user_left() returns trigger language plpgsql as $$
    begin
      delete from node_members where (tenant_id, node_id, user_id) in (
        select m.tenant_id, m.node_id, m.user_id from node_members m
          where m.tenant_id = new.tenant_id and m.user_id = new.id order by m.node_id for update);
      return null;
    end $$;
    create trigger users_left after update of status on users for each row
      when (new.status = 'deactivated') execute function user_left();
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger users_left on users; drop function user_left();
    drop trigger tenants_root_named on tenants; drop trigger tenants_root_made on tenants; drop function tenant_root();
    drop table node_member_roles; drop table node_members; drop table nodes;
  `);
}
