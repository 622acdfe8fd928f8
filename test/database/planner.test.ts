import { expect } from 'chai';
import type { Knex } from 'knex';
import { pool } from '../support/database.ts';
import { inEmptyDatabase } from '../support/empty-database.ts';

type Rows<T> = { rows: T[] };

/** How PostgreSQL would go about a statement whose values it does not know yet, as a foreign key's check. */
async function planOf(db: Knex, types: string, statement: string, values: string): Promise<string> {
  await db.raw(`prepare asked (${types}) as ${statement}`);
  const { rows } = await db.raw<Rows<{ 'QUERY PLAN': string }>>(`explain (costs off) execute asked(${values})`);
  await db.raw('deallocate asked');
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

describe('the planner', () => {
  it('knows of every table that could be looked up by the tenant alone that a tenant has many rows', async () => {
    const { rows } = await pool().raw<Rows<{ relname: string; attoptions: string[] | null }>>(
      `select c.relname, a.attoptions from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
        where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
          and (select count(*) from pg_index i where i.indrelid = c.oid and i.indkey[0] = a.attnum) > 1`,
    );
    expect(rows.length).to.be.greaterThan(10);
    expect(rows.filter(({ attoptions }) => !attoptions?.includes('n_distinct=-0.01'))).to.deep.equal([]);
  });

  it('asks for the tenant once a statement', async () => {
    const { rows } = await pool().raw<Rows<{ tablename: string; qual: string }>>(
      `select tablename, qual from pg_policies where schemaname = current_schema() and policyname = 'tenant'`,
    );
    expect(rows.filter(({ qual }) => !/SELECT gatehouse_tenant\(\)/.test(qual))).to.deep.equal([]);
  });

  it('finds a row by its key in a house where most tenants have one', () =>
    inEmptyDatabase((db) =>
      db.transaction(async (tx) => {
        await tx.raw(
          `select set_config('gatehouse.operator', 'on', true); set local plan_cache_mode = force_generic_plan`,
        );
        await tx.raw(
          `insert into tenants (id, slug, name, type, status, created_at, updated_at)
            select gen_random_uuid(), 't' || i, 'T', 'customer', 'active', now(), now() from generate_series(1, 5000) i`,
        );
        await tx.raw(
          `insert into users (tenant_id, id, email, email_canonical, status, created_at, updated_at)
            select id, gen_random_uuid(), 'a@b', 'a@b', 'active', now(), now() from tenants`,
        );
        await tx.raw('analyze tenants; analyze users; analyze nodes');
        const values = `gen_random_uuid(), gen_random_uuid()`;
        for (const table of ['users', 'nodes']) {
          const key = `select 1 from only ${table} x where tenant_id = $1 and id = $2 for key share of x`;
          expect(await planOf(tx, 'uuid, uuid', key, values)).to.include(`Index Scan using ${table}_pkey`);
        }
        const children = 'select id from nodes where tenant_id = $1 and parent_id = $2';
        expect(await planOf(tx, 'uuid, uuid', children, values)).to.match(/nodes_sibling[\s\S]*parent_id = \$2/);
      }),
    ));

  it('searches and orders the users of a tenant by indices alone', () =>
    inEmptyDatabase((db) =>
      db.transaction(async (tx) => {
        await tx.raw(
          `select set_config('gatehouse.operator', 'on', true); set local plan_cache_mode = force_custom_plan`,
        );
        await tx.raw(
          `insert into tenants (id, slug, name, type, status, created_at, updated_at)
            select gen_random_uuid(), 't' || i, 'T', 'customer', 'active', now(), now() from generate_series(1, 3) i`,
        );
        await tx.raw(
          `insert into users (tenant_id, id, email, email_canonical, username, username_canonical, first_name, last_name,
              status, created_at, updated_at)
            select id, gen_random_uuid(), i || '@b', i || '@b', 'u' || i, 'u' || i, 'F' || i, 'L' || i, 'active', now(), now()
            from tenants, generate_series(1, 5000) i`,
        );
        await tx.raw('analyze users');
        const { rows } = await tx.raw<Rows<{ id: string }>>('select id from tenants limit 1');
        const tenant = `'${rows[0]!.id}'`;
        for (const [index, column] of [
          ['users_by_email', 'email_canonical collate "C"'],
          ['users_by_username', 'username_canonical collate "C"'],
          ['users_by_name', 'name_key'],
          ['users_by_last_name', 'last_name_key'],
        ]) {
          const range = `select id from users where tenant_id = $1 and ${column} >= $2 and ${column} < $3 limit 10001`;
          expect(await planOf(tx, 'uuid, text, text', range, `${tenant}, 'a', 'b'`)).to.include(index);
        }
        for (const [index, order] of [
          ['users_by_age', 'created_at desc, id desc'],
          ['users_by_email', 'email_canonical collate "C", id'],
          ['users_by_last_name', 'last_name_key, id'],
        ]) {
          const page = `select id from users where tenant_id = $1 order by ${order} limit 50`;
          const plan = await planOf(tx, 'uuid', page, tenant);
          expect(plan, index).to.include(index).and.not.include('Sort');
        }
      }),
    ));
});
