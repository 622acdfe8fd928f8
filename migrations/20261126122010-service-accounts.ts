import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** Which clients are service accounts, that operators make in any tenant. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- The client says how it proves itself, and the role of the same name what it may do.
    create table service_accounts (
      tenant_id   uuid not null,
      client_id   text not null,
      description text,
      primary key (tenant_id, client_id),
      foreign key (tenant_id, client_id) references clients (tenant_id, client_id) on delete cascade
    );
    -- An operator names one without its tenant.
    create unique index service_accounts_anywhere on service_accounts (client_id);
    ${rowSecurity('service_accounts')}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table service_accounts;');
}
