import type { Knex } from 'knex';
import { rowSecurity } from '../src/database/row-security.ts';

/** What people have signed in with, so that they hear of what is new. A signal, and never a proof. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table seen_devices (
      tenant_id uuid        not null,
      user_id   uuid        not null,
      -- SHA-256 of what a program or a browser without our cookie says of itself
      print     bytea       not null,
      seen_at   timestamptz not null,
      -- when a letter went out about it, or was not needed
      told_at   timestamptz,
      primary key (tenant_id, user_id, print),
      foreign key (tenant_id, user_id) references users (tenant_id, id) on delete cascade
    );
    ${rowSecurity('seen_devices')}
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table seen_devices;');
}
