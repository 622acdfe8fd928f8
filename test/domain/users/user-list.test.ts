import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { aTenant, rooms } from '../../support/rooms.ts';

type Person = { n: number; email: string; username: string | null; first: string; last: string; status: string };

const MANY = LIMITS.countedRows + 60;
const two = (n: number) => String(n).padStart(2, '0');

/** More than are looked at one by one, of whom each is made at an instant of their own. */
const people: Person[] = Array.from({ length: MANY }, (_, at) => {
  const n = at + 1;
  return {
    n,
    email: `mail${n}@x.test`,
    username: n % 4 === 0 ? `name${n}` : null,
    first: n % 10 === 0 ? `Rare${two(n % 97)}` : `Élan${two(n % 89)}`,
    last: `Lee${two((n * 7) % 83)}`,
    status: n % 500 === 0 ? 'suspended' : 'active',
  };
});

async function populated(): Promise<TenantCall> {
  const call = await aTenant();
  await inTransaction(call, ({ db, tenantId }) =>
    db.raw(
      `insert into users (tenant_id, id, email, email_canonical, username, username_canonical, first_name, last_name, status,
          created_at, updated_at)
        select ?, gen_random_uuid(), r.email, r.email, r.username, r.username, r.first, r.last, r.status,
          '2026-01-01'::timestamptz + r.n * interval '1 minute', now()
        from jsonb_to_recordset(?::jsonb) as r (n integer, email text, username text, first text, last text, status text)`,
      [tenantId, JSON.stringify(people)],
    ),
  );
  return call;
}

/** Whom a search means. */
const isFound = (text: string) => {
  const prefix = text.toLowerCase();
  return ({ email, username, first, last }: Person) =>
    [email, username ?? '', `${first} ${last}`, last].some((value) => value.toLowerCase().startsWith(prefix));
};

const ORDERS: Record<string, (a: Person, b: Person) => number> = {
  createdAt: (a, b) => a.n - b.n,
  '-createdAt': (a, b) => b.n - a.n,
  email: (a, b) => (a.email < b.email ? -1 : 1),
  '-email': (a, b) => (a.email > b.email ? -1 : 1),
};

describe('a list of very many users', function () {
  this.timeout(60_000);
  let call: TenantCall;
  before(async () => {
    call = await populated();
  });

  for (const search of [
    undefined,
    'mail',
    'MAIL7',
    'name4',
    'Lee',
    'lee1',
    'élan',
    'Rare10',
    'élan07 lee',
    'mail%',
    'nobody',
  ])
    for (const status of [undefined, 'active', 'suspended'] as const)
      it(`is the same as one by hand, searched for ${search ?? 'nothing'}, of ${status ?? 'any'} status`, async () => {
        const all = people.filter((one) => (!search || isFound(search)(one)) && (!status || one.status === status));
        for (const [sort, order] of Object.entries(ORDERS)) {
          for (const page of [1, 2, 7]) {
            const found = await rooms().users.list(call, { sort, page, pageSize: 20, search, status });
            const wanted = all.toSorted(order).slice((page - 1) * 20, page * 20);
            expect(
              found.items.map(({ email }) => email),
              `${sort} ${page}`,
            ).to.deep.equal(wanted.map(({ email }) => email));
            expect(found.total).to.equal(Math.min(all.length, LIMITS.countedRows));
          }
        }
        for (const sort of ['lastName', '-lastName']) {
          const { items } = await rooms().users.list(call, { sort, pageSize: 100, search, status });
          const names = all.map(({ last }) => last).sort();
          if (sort === '-lastName') names.reverse();
          expect(items.map(({ lastName }) => lastName)).to.deep.equal(names.slice(0, 100));
        }
      });
});
