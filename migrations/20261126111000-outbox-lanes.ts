import type { Knex } from 'knex';

/**
 * The outbox by kind and by receiver: a receiver that answers slowly, or not at all, holds up its own rows and nobody
 * else's.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Whom rows share a receiver with; the nil UUID: with nobody.
    alter table outbox add column lane uuid not null default '00000000-0000-0000-0000-000000000000';
    -- The worker of a kind goes round the tenants, and in each round its lanes: never past rows that it must not take.
    create index outbox_pending on outbox (kind, tenant_id, lane, due_at) where delivered_at is null and dead_at is null;
    drop index outbox_due;

    -- Lanes whose last attempts have failed. One that works again has no row.
    create table outbox_lanes (
      tenant_id     uuid        not null,
      lane          uuid        not null,
      failures      integer     not null,
      failing_since timestamptz not null,
      -- nothing is taken from the lane before
      opens_at      timestamptz not null,
      primary key (tenant_id, lane)
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table outbox_lanes;
    create index outbox_due on outbox (tenant_id, due_at) where delivered_at is null and dead_at is null;
    drop index outbox_pending;
    alter table outbox drop column lane;
  `);
}
