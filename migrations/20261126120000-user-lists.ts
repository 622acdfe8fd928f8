import type { Knex } from 'knex';

/**
 * Lists and searches of users, by indices alone however many a tenant has. A search looks for beginnings, of the address,
 * the user name, the whole name and the last name, byte by byte ("C"), so it is a range of an index whatever the locale
 * of the database; it wants no extension, which only an owner with more rights could make.
 *
 * The names in small letters are made by PostgreSQL, so whoever writes or erases a name writes or erases them too.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table users
      add column name_key      text collate "C" not null
        generated always as (lower(btrim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')))) stored,
      add column last_name_key text collate "C" not null generated always as (lower(coalesce(last_name, ''))) stored;

    create index users_by_email on users (tenant_id, email_canonical collate "C", id);
    create index users_by_username on users (tenant_id, username_canonical collate "C", id) where username_canonical is not null;
    create index users_by_name on users (tenant_id, name_key, id);
    create index users_by_last_name on users (tenant_id, last_name_key, id);
    create index users_by_age on users (tenant_id, created_at, id);
    create index users_by_status on users (tenant_id, status, created_at, id);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index users_by_email, users_by_username, users_by_name, users_by_last_name, users_by_age, users_by_status;
    alter table users drop column name_key, drop column last_name_key;
  `);
}
