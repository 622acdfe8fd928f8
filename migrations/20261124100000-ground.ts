import type { Knex } from 'knex';

/** What every later table stands on: the two settings of row-level security, and the news between nodes. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- The tenant of the running transaction (kernel/call.ts sets it); null shows no row at all.
    create function gatehouse_tenant() returns uuid language sql stable parallel safe
      as $$ select nullif(current_setting('gatehouse.tenant', true), '')::uuid $$;
    create function gatehouse_operator() returns boolean language sql stable parallel safe
      as $$ select coalesce(current_setting('gatehouse.operator', true) = 'on', false) $$;

    -- What caches must forget. NOTIFY carries it at once; a node that lost its listener reads the table.
    create table changes (
      id    bigint      generated always as identity primary key,
      at    timestamptz not null default clock_timestamp(),
      topic text        not null
    );
    create index changes_at on changes (at);

    create function announce() returns trigger language plpgsql as $$
    declare
      row_json jsonb := to_jsonb(coalesce(new, old));
      news text := tg_argv[0] || ':' || (row_json ->> tg_argv[1]);
    begin
      if tg_nargs > 2 then news := news || ':' || (row_json ->> tg_argv[2]); end if;
      insert into changes (topic) values (news);
      perform pg_notify('gatehouse', news);
      return null;
    end $$;

    -- Counters of refused attempts, shared by all nodes (rate-limiter-flexible writes it; keys are hashes).
    create table rate_limits (
      key    varchar(255) primary key,
      points integer      not null default 0,
      expire bigint
    );
    create index rate_limits_expire on rate_limits (expire);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table rate_limits; drop table changes;
    drop function announce(); drop function gatehouse_operator(); drop function gatehouse_tenant();
  `);
}
