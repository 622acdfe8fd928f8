import type { Knex } from 'knex';
import { announced, rowSecurity } from '../src/database/row-security.ts';

/** The permissions of a tenant's own applications, roles in categories, and the roles of machines. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Those of Gatehouse itself (iam.…) stand in the code (domain/access/role.ts) and are in no table.
    create table permissions (
      tenant_id   uuid        not null references tenants (id) on delete cascade,
      id          uuid        not null,
      name        text        not null check (name ~ '^[a-z0-9_.:-]{1,128}$' and name !~ '^iam[.:]'),
      description text,
      created_at  timestamptz not null,
      updated_at  timestamptz not null,
      primary key (tenant_id, id)
    );
    create unique index permissions_name on permissions (tenant_id, name);
    ${rowSecurity('permissions')}

    -- What the roles of a tenant name has been a permission all along.
    select set_config('gatehouse.operator', 'on', true);
    insert into permissions (tenant_id, id, name, created_at, updated_at)
      select tenant_id, gen_random_uuid(), permission, now(), now()
      from (select distinct tenant_id, unnest(permissions) as permission from roles) named
      where permission !~ '^iam[.:]';
    select set_config('gatehouse.operator', '', true);

    alter table roles add column category text;
    -- Who gave it; null where that was no user.
    alter table user_roles add column granted_by uuid;

    -- What a client may do with its own credentials.
    create table client_roles (
      tenant_id  uuid        not null,
      client_id  text        not null,
      role_id    uuid        not null,
      granted_at timestamptz not null,
      granted_by uuid,
      primary key (tenant_id, client_id, role_id),
      foreign key (tenant_id, client_id) references clients (tenant_id, client_id) on delete cascade,
      foreign key (tenant_id, role_id) references roles (tenant_id, id) on delete cascade
    );
    create index client_roles_role on client_roles (tenant_id, role_id);
    ${rowSecurity('client_roles')}
    ${announced('client_roles', 'client', 'tenant_id', 'client_id')}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table client_roles;
    alter table user_roles drop column granted_by;
    alter table roles drop column category;
    drop table permissions;
  `);
}
