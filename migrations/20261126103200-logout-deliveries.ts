import type { Knex } from 'knex';

/** Administrators see what has not reached a relying party, and ask for another attempt. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Since when a row that was asked for again has its day to arrive; null: since it was made.
    alter table outbox add column retried_at timestamptz;
    create index outbox_logouts on outbox (tenant_id, id) where kind = 'backchannel-logout';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index outbox_logouts; alter table outbox drop column retried_at;');
}
