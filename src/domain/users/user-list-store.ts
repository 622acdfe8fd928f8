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

/** What a search looks at, each with an index of its own, and the order that this index has. */
const FOUND = [
  { column: 'email_canonical collate "C"', text: ':word', order: 'email' },
  { column: 'username_canonical collate "C"', text: ':word', order: undefined },
  { column: 'name_key', text: 'lower(:prefix)', order: undefined },
  { column: 'last_name_key', text: 'lower(:prefix)', order: 'lastName' },
] as const;
type Found = (typeof FOUND)[number];

const rangeOf = ({ column, text }: Found) => `${column} >= ${text} and ${column} < ${text} || :last`;
/** The same, asked of a row that another index has found: as no range, so that nothing else is tried. */
const beginsOf = ({ column, text }: Found) => `left(${column}, length(${text})) = ${text}`;
const BEGINS = `(${FOUND.map(beginsOf).join(' or ')})`;
const HERE = 'tenant_id = :tenantId';
const OF_STATUS = `${HERE} and status = :status`;

type Values = Record<string, string | number>;

/**
 * A page of users, and how many there are, to `LIMITS.countedRows`. It is the index that is asked, and not PostgreSQL's
 * guess of what is rare: up to so many that a filter finds are all looked at and sorted; more of them are common enough
 * to be met soon in the order that is asked for.
 */
export async function list(
  call: TenantCall,
  { status, prefix }: UserFilter,
  order: UserOrder,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: User[]; total: number }> {
  const { db, tenantId } = call;
  const values = {
    ...{ tenantId, last: LAST, most: LIMITS.countedRows + 1, offset, limit, upTo: offset + limit },
    ...(status && { status }),
    ...(prefix && { prefix, word: prefix.normalize('NFKC').toLowerCase() }),
  };
  const filter = { ofStatus: status ? ' and status = :status' : '', isSearch: prefix !== undefined };
  const isRare = status !== undefined && (await isFew(call, OF_STATUS, values));
  const sources =
    filter.isSearch && !isRare
      ? await searched(call, order, filter.ofStatus, values)
      : [wholeSource(`${HERE}${filter.ofStatus}${filter.isSearch ? ` and ${BEGINS}` : ''}`, isRare)];
  const found = sources
    .map(
      ({ page, isFew: all }) =>
        `(select ${keysOf(order)} from users where ${page}${all ? '' : ` order by ${ORDERS[order]} limit :upTo`})`,
    )
    .join(' union ');
  const { rows } = await db.raw<{ rows: Row[] }>(
    `select ${COLUMNS.map((column) => `u.${column}`).join(', ')} from (
        select id, row_number() over (order by ${ORDERS[order]}) as place from (${found}) found
          order by ${ORDERS[order]} offset :offset limit :limit
      ) shown join users u on u.tenant_id = :tenantId and u.id = shown.id order by shown.place`,
    values,
  );
  return { items: rows.map(toUser), total: await countOf(call, sources, values) };
}

/** What an order goes by, and nothing besides: an index alone tells it. */
const keysOf = (order: UserOrder) => ORDERS[order].replaceAll(/ desc| collate "C"/g, '');

/** Where users stand who are wanted: how a page of them is read, and how they are counted. */
type Source = { page: string; count: string; isFew: boolean };

const wholeSource = (where: string, few: boolean): Source => ({ page: where, count: where, isFew: few });

/** Where those stand whom a search finds: for each thing that it looks at, by the way that is short. */
async function searched(call: TenantCall, order: UserOrder, ofStatus: string, values: Values): Promise<Source[]> {
  const sources: Source[] = [];
  for (const one of FOUND) {
    const range = `${HERE} and ${rangeOf(one)}`;
    const few = await isFew(call, range, values);
    const isInOrder = one.order !== undefined && order.endsWith(one.order);
    const walk = isInOrder ? `${range}${ofStatus}` : `${HERE}${ofStatus} and ${beginsOf(one)}`;
    // As an array it is made once, whatever the planner takes its size for.
    const all = `${HERE}${ofStatus} and id = any(array(select id from users where ${range} limit :most))`;
    sources.push({ page: few ? all : walk, count: `${range}${ofStatus}`, isFew: few });
  }
  return sources;
}

/** Whether there are no more than are counted. */
async function isFew({ db }: TenantCall, where: string, values: Values): Promise<boolean> {
  const { rows } = await db.raw<{ rows: { count: string }[] }>(
    `select count(*) from (select 1 from users where ${where} limit :most) counted`,
    values,
  );
  return Number(rows[0]!.count) <= LIMITS.countedRows;
}

async function countOf({ db }: TenantCall, sources: readonly Source[], values: Values): Promise<number> {
  const found = sources.map(({ count }) => `(select id from users where ${count} limit :most)`).join(' union ');
  const { rows } = await db.raw<{ rows: { count: string }[] }>(`select count(*) from (${found}) counted`, values);
  return Math.min(Number(rows[0]!.count), LIMITS.countedRows);
}
