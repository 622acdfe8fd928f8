import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** Users, their passwords, and what their roles allow; and the audit trail. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Rows are never removed while audit events name them; they become deactivated.
    create table users (
      tenant_id          uuid        not null references tenants (id) on delete cascade,
      id                 uuid        not null,
      email              text        not null,
      email_canonical    text        not null,
      email_verified     boolean     not null default false,
      username           text,
      username_canonical text,
      phone              text        check (phone ~ '^[+][1-9][0-9]{6,14}$'),
      phone_verified     boolean     not null default false,
      first_name         text,
      last_name          text,
      locale             text,
      timezone           text,
      status             text        not null check (status in ('pending', 'active', 'suspended', 'deactivated')),
      created_at         timestamptz not null,
      updated_at         timestamptz not null,
      last_sign_in_at    timestamptz,
      primary key (tenant_id, id)
    );
    -- One e-mail address per tenant; the same person may exist in two tenants.
    create unique index users_email on users (tenant_id, email_canonical);
    create unique index users_username on users (tenant_id, username_canonical) where username_canonical is not null;
    -- A login that names no tenant looks the address up in all of them.
    create index users_email_anywhere on users (email_canonical);
    ${rowSecurity('users')}

    create table passwords (
      tenant_id   uuid        not null,
      user_id     uuid        not null,
      -- PHC string (argon2id), or a foreign hash as it was imported, until the next login
      hash        text        not null,
      -- which pepper went into it; null: none
      pepper_id   text,
      must_change boolean     not null default false,
      changed_at  timestamptz not null,
      primary key (tenant_id, user_id),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
    );
    ${rowSecurity('passwords')}

    create table password_history (
      tenant_id   uuid        not null,
      user_id     uuid        not null,
      id          uuid        not null,
      hash        text        not null,
      pepper_id   text,
      replaced_at timestamptz not null,
      primary key (tenant_id, user_id, id),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
    );
    ${rowSecurity('password_history')}

    create table roles (
      tenant_id    uuid        not null references tenants (id) on delete cascade,
      id           uuid        not null,
      name         text        not null check (name ~ '^[A-Za-z][A-Za-z0-9_.:-]{0,63}$'),
      display_name text        not null,
      description  text,
      -- The permissions of a system role stand in the code (domain/access/role.ts).
      system       boolean     not null default false,
      permissions  text[]      not null default '{}',
      created_at   timestamptz not null,
      updated_at   timestamptz not null,
      primary key (tenant_id, id)
    );
    create unique index roles_name on roles (tenant_id, name);
    ${rowSecurity('roles')}

    create table user_roles (
      tenant_id  uuid        not null,
      user_id    uuid        not null,
      role_id    uuid        not null,
      granted_at timestamptz not null,
      primary key (tenant_id, user_id, role_id),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade,
      foreign key (tenant_id, role_id) references roles (tenant_id, id) on delete cascade
    );
    create index user_roles_role on user_roles (tenant_id, role_id);
    ${rowSecurity('user_roles')}

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

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table audit_events; drop table user_roles; drop table roles;
    drop table password_history; drop table passwords; drop table users;
  `);
}
