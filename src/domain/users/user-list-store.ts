import type { TenantCall } from '../../kernel/call.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { User, UserStatus } from './user.ts';
import { COLUMNS, type Row, toUser } from './user-store.ts';

/** How lists may be ordered, each by an index of its own. */
const ORDERS = {
  createdAt: 'created_at, id',
  '-createdAt': 'created_at desc, id desc',
  email: 'email_canonical collate "C", id',
  '-email': 'email_canonical collate "C" desc, id desc',
  lastName: 'last_name_key, id',
  '-lastName': 'last_name_key desc, id desc',
} as const;

export type UserOrder = keyof typeof ORDERS;
export type UserFilter = { status?: UserStatus | undefined; prefix?: string | undefined };

export const isUserOrder = (value: string): value is UserOrder => Object.hasOwn(ORDERS, value);

/** The last character there is: behind everything that begins with the text before it. */
const LAST = '\u{10ffff}';

const FOUND = ['email_canonical collate "C"', 'username_canonical collate "C"', 'name_key', 'last_name_key'] as const;
const typed = (column: string) => (column.endsWith('_key') ? 'lower(:prefix)' : ':word');

/** Those whom a search finds, by ranges of its four indices; one more than is counted, at most. */
const SEARCHED = FOUND.map(
  (column) => `(select id from users where tenant_id = :tenantId
    and ${column} >= ${typed(column)} and ${column} < ${typed(column)} || :last limit :most)`,
).join(' union ');
/** The same, asked of a row that another index has found: as no range, so that nothing else is tried. */
const BEGINS = `(${FOUND.map((column) => `left(${column}, length(${typed(column)})) = ${typed(column)}`).join(' or ')})`;
const OF_STATUS = 'select id from users where tenant_id = :tenantId and status = :status limit :most';

/**
 * A page of users, and how many there are, to `LIMITS.countedRows`. It is PostgreSQL's index that is asked and not its
 * guess of what is rare: up to so many that a filter finds are all looked at and sorted; more of them are common enough
 * to be met soon in the order that is asked for.
 */
export async function list(
  call: TenantCall,
  filter: UserFilter,
  order: UserOrder,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: User[]; total: number }> {
  const { db } = call;
  const values = valuesOf(call, filter);
  const few = await fewOf(call, filter, values);
  const conditions = [
    'tenant_id = :tenantId',
    ...(few === undefined ? [] : [`id in (${few})`]),
    ...(filter.status ? ['status = :status'] : []),
    ...(filter.prefix ? [BEGINS] : []),
  ].join(' and ');
  // What is skipped on the way to a page is read from an index alone, where nothing is filtered.
  const { rows } = await db.raw<{ rows: Row[] }>(
    `select ${COLUMNS.map((column) => `u.${column}`).join(', ')} from (
        select id, row_number() over () as place from (
          select id from users where ${conditions} order by ${ORDERS[order]} offset :offset limit :limit
        ) page
      ) shown join users u on u.tenant_id = :tenantId and u.id = shown.id order by shown.place`,
    { ...values, offset, limit },
  );
  return { items: rows.map(toUser), total: await countOf(call, conditions, values) };
}

function valuesOf({ tenantId }: TenantCall, { status, prefix }: UserFilter) {
  return {
    ...{ tenantId, most: LIMITS.countedRows + 1, last: LAST },
    ...(status && { status }),
    ...(prefix && { prefix, word: prefix.normalize('NFKC').toLowerCase() }),
  };
}

type Values = ReturnType<typeof valuesOf>;

/** Which filter finds few enough to look at all of them; undefined where none does. */
async function fewOf({ db }: TenantCall, { status, prefix }: UserFilter, values: Values): Promise<string | undefined> {
  for (const found of [...(prefix ? [SEARCHED] : []), ...(status ? [OF_STATUS] : [])]) {
    const { rows } = await db.raw<{ rows: { count: string }[] }>(
      `select count(*) from (select 1 from (${found}) found limit :most) counted`,
      values,
    );
    if (Number(rows[0]!.count) <= LIMITS.countedRows) return found;
  }
  return undefined;
}

async function countOf({ db }: TenantCall, conditions: string, values: Values): Promise<number> {
  const { rows } = await db.raw<{ rows: { count: string }[] }>(
    `select count(*) from (select 1 from users where ${conditions} limit :counted) counted`,
    { ...values, counted: LIMITS.countedRows },
  );
  return Number(rows[0]!.count);
}
