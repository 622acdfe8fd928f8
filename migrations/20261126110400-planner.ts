import type { Knex } from 'knex';

/**
 * Two things that PostgreSQL cannot know by itself. New tables have them from the beginning (src/database/row-security.ts).
 *
 * Row-level security asks for the tenant once a statement, and not once a row: behind a sub-select the answer is kept.
 *
 * A tenant has many rows. In a house of ten thousand tenants with one row each PostgreSQL takes the tenant for as good a
 * key as any, and looks a row up by an index of which the tenant is only the first column: a tenant that outgrows the
 * others is then read whole for each row of it that is asked for, by foreign keys too. Counts at the next ANALYZE.
 */
export async function up(knex: Knex): Promise<void> {
  await alterPolicies(knex, '(select gatehouse_tenant()) or (select gatehouse_operator())');
  await alterColumns(knex, 'set (n_distinct = -0.01)');
}

export async function down(knex: Knex): Promise<void> {
  await alterColumns(knex, 'reset (n_distinct)');
  await alterPolicies(knex, 'gatehouse_tenant() or gatehouse_operator()');
}

async function alterPolicies(knex: Knex, condition: string): Promise<void> {
  await knex.raw(`
    do $$
    declare one record;
    begin
      for one in select tablename from pg_policies where schemaname = current_schema() and policyname = 'tenant' loop
        execute format('alter policy tenant on %I using (%I = ${condition})', one.tablename,
          case one.tablename when 'tenants' then 'id' else 'tenant_id' end);
      end loop;
    end $$;
  `);
}

async function alterColumns(knex: Knex, change: string): Promise<void> {
  await knex.raw(`
    do $$
    declare one record;
    begin
      for one in select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
        where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace loop
        execute format('alter table %I alter column tenant_id ${change}', one.relname);
      end loop;
    end $$;
  `);
}
