import { randomBytes } from 'node:crypto';
import { migrate } from '../../src/database/migrate.ts';
import { createPool } from '../../src/database/pool.ts';
import { inTransaction, type OperatorCall, type TenantCall } from '../../src/kernel/call.ts';
import type { BenchServer } from '../database.ts';
import { median, rounded, table } from '../numbers.ts';
import { explained } from './plans.ts';
import { benchRooms } from './user-rooms.ts';

export type UsersListOptions = { users: number; rounds: number };

export type UsersListFigures = {
  users: number;
  measured: { what: string; rows: number; total: number; ms: number }[];
  plans: { what: string; plan: string }[];
};

/** A tenant with very many users: what a page of them costs, in whatever order, filtered and searched. */
export async function heavyUsersList(
  server: BenchServer,
  { users: many, rounds }: UsersListOptions,
): Promise<UsersListFigures> {
  const db = createPool(await server.create(), { max: 4, name: 'heavy' });
  try {
    await migrate(db);
    const { tenants, users } = benchRooms(randomBytes(32));
    const operator: OperatorCall = { db, actor: { kind: 'system', name: 'heavy' }, now: new Date() };
    const { id: tenantId } = await tenants.create(operator, { slug: 'acme', name: 'Acme' });
    const call: TenantCall = { ...operator, tenantId };
    await populate(call, many);
    const asked: [what: string, query: Parameters<typeof users.list>[1]][] = [
      ['all, the first page', {}],
      ['all, a page in the middle', { page: Math.max(1, Math.ceil(many / 100)) }],
      ['all by e-mail address', { sort: 'email' }],
      ['all by last name, backwards', { sort: '-lastName' }],
      ['of a common status', { status: 'active' }],
      ['of a rare status', { status: 'suspended' }],
      ['of a rare status, by e-mail address', { status: 'suspended', sort: 'email' }],
      ['search that finds one', { search: 'user7@' }],
      ['search that finds a tenth of them, by last name', { search: 'last7 ', sort: 'lastName' }],
      ['search that finds one in ninety', { search: 'user12' }],
      ['search that finds all', { search: 'user' }],
      ['search that finds all, by last name', { search: 'user', sort: 'lastName' }],
      ['search that finds nobody', { search: 'nobody@' }],
      ['search that finds all, of a rare status', { search: 'user', status: 'suspended' }],
      ['search that finds all, of a common status', { search: 'user', status: 'active' }],
    ];
    const measured: UsersListFigures['measured'] = [];
    for (const [what, query] of asked) {
      const times: number[] = [];
      let [rows, total] = [0, 0];
      for (let round = 0; round < rounds; round++) {
        const began = performance.now();
        const page = await users.list(call, query);
        times.push(performance.now() - began);
        [rows, total] = [page.items.length, page.total];
      }
      measured.push({ what, rows, total, ms: rounded(median(times), 2) });
    }
    return { users: many, measured, plans: await plansOf(call) };
  } finally {
    await db.destroy();
  }
}

/** One of each thousand is suspended; last names are a thousand, first names many. */
async function populate(call: TenantCall, many: number): Promise<void> {
  await inTransaction(call, async ({ db, tenantId }) => {
    await db.raw('set local statement_timeout = 0');
    await db.raw(
      `insert into users (tenant_id, id, email, email_canonical, first_name, last_name, status, created_at, updated_at)
        select ?, gen_random_uuid(), 'user' || i || '@acme.test', 'user' || i || '@acme.test', 'First' || i % 8009,
          'Last' || i % 1009 || ' of many', case when i % 1000 = 1 then 'suspended' else 'active' end,
          now() - i * interval '1 second', now() from generate_series(1, ?) i`,
      [tenantId, many],
    );
  });
  await call.db.raw('vacuum analyze users');
}

const SEARCH = `select id from users where tenant_id = $1
  and email_canonical collate "C" >= $2 and email_canonical collate "C" < $2 || '\u{10ffff}' limit 10001`;
const BEGINS = `select id from users where tenant_id = $1 and (left(email_canonical collate "C", length($2)) = $2
  or left(name_key, length($2)) = $2) order by last_name_key, id limit 50`;
const PAGE = 'select id from users where tenant_id = $1 order by created_at desc, id desc offset 10000 limit 50';

/** How PostgreSQL goes about the parts that matter. */
async function plansOf(call: TenantCall): Promise<UsersListFigures['plans']> {
  const { tenantId } = call;
  return inTransaction(call, async ({ db }) => {
    const plans: UsersListFigures['plans'] = [];
    for (const [what, text, values] of [
      ['Whom a search finds, by one of its indices', SEARCH, [tenantId, 'user12']],
      ['A search that finds very many, in the order that is asked for', BEGINS, [tenantId, 'user']],
      ['A page further on', PAGE, [tenantId]],
    ] as const)
      plans.push({ what, plan: await explained(db, text, values) });
    return plans;
  });
}

export function reportUsersList({ users, measured, plans }: UsersListFigures): string {
  const figures = table(
    [`of ${users} users`, 'rows', 'total', 'median ms'],
    measured.map(({ what, rows, total, ms }) => [what, rows, total, ms]),
  );
  return [figures, ...plans.map(({ what, plan }) => `${what}:\n\n${plan}`)].join('\n\n');
}
