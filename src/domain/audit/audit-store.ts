import type { Knex } from 'knex';
import { prepared, preparedTogether } from '../../database/pool.ts';
import type { TenantCall } from '../../kernel/call.ts';
import type { AuditId, TenantId, UserId } from '../../kernel/ids.ts';
import type { Commitment } from './audit-proof.ts';
import type { ChainedRecord, NewRecord, StoredRecord } from './audit-record.ts';

type Row = {
  tenant_id: TenantId;
  id: AuditId;
  at: string;
  action: string;
  actor_kind: string;
  actor_id: string | null;
  resource: string | null;
  resource_id: string | null;
  request_id: string | null;
  person: UserId | null;
  origin: string | null;
  origin_salt: Buffer | null;
  origin_digest: Buffer | null;
  state: string | null;
  state_salt: Buffer | null;
  state_digest: Buffer | null;
  digest: Buffer | null;
  mac: Buffer | null;
};

/** Everything of a record, as text to the last digit where PostgreSQL knows more than JavaScript. */
const COLUMNS = `tenant_id, id, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, action, actor_kind,
  actor_id, resource, resource_id, request_id, person, origin::text, origin_salt, origin_digest, state::text, state_salt,
  state_digest, digest, mac`;

type ChainedRow = Row & { seq: string; previous: string; hash: Buffer };

const toRecord = (row: Row): StoredRecord => ({
  tenantId: row.tenant_id,
  id: row.id,
  at: row.at,
  action: row.action,
  actorKind: row.actor_kind,
  actorId: row.actor_id,
  resource: row.resource,
  resourceId: row.resource_id,
  requestId: row.request_id,
  person: row.person,
  origin: { text: row.origin, salt: row.origin_salt, digest: row.origin_digest },
  state: { text: row.state, salt: row.state_salt, digest: row.state_digest },
  digest: row.digest,
  mac: row.mac,
});

const toChained = (row: ChainedRow): ChainedRecord => ({
  ...toRecord(row),
  seq: Number(row.seq),
  previous: row.previous,
  hash: row.hash,
});

const columnsOf = (record: NewRecord) => ({
  tenant_id: record.tenantId,
  id: record.id,
  at: record.at,
  action: record.action,
  actor_kind: record.actorKind,
  actor_id: record.actorId,
  resource: record.resource,
  resource_id: record.resourceId,
  request_id: record.requestId,
  person: record.person,
  ...commitmentColumns('origin', record.origin),
  ...commitmentColumns('state', record.state),
  digest: record.digest,
  mac: record.mac,
});

const NAMES = `tenant_id, id, at, action, actor_kind, actor_id, resource, resource_id, request_id, person, origin, origin_salt,
  origin_digest, state, state_salt, state_digest, digest, mac`;
const TENANT = { name: 'tenant-set', text: `select set_config('gatehouse.tenant', $1, true)` };
const ADD = {
  name: 'audit-add',
  text: `insert into audit_pending (${NAMES})
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) returning id`,
};

/**
 * One record, in the transaction that `db` is; outside of one, in one of its own that is a single round trip.
 *
 * @returns how many the database took
 */
export async function add({ db }: Pick<TenantCall, 'db'>, record: NewRecord): Promise<number> {
  const addition = { statement: ADD, values: Object.values(columnsOf(record)) };
  if (db.isTransaction) return (await prepared(db, ADD, addition.values)).length;
  const [, added] = await preparedTogether(db, [{ statement: TENANT, values: [record.tenantId] }, addition]);
  return added!.length;
}

/** Records of any tenants that the transaction may write; one statement. @returns how many the database took */
export async function insert({ db }: Pick<TenantCall, 'db'>, records: readonly NewRecord[]): Promise<number> {
  const { rowCount } = (await db('audit_pending').insert(records.map(columnsOf))) as unknown as { rowCount: number };
  return rowCount;
}

const commitmentColumns = (name: 'origin' | 'state', { text, salt, digest }: Commitment) => ({
  [name]: text,
  [`${name}_salt`]: salt,
  [`${name}_digest`]: digest,
});

/** Lines that the database itself has written and no node has looked at yet; held until the transaction ends. */
export async function lockUnproven(tx: TenantCall, actions: readonly string[], limit: number): Promise<StoredRecord[]> {
  const { rows } = await tx.db.raw(
    `select ${COLUMNS} from audit_pending where tenant_id = ? and mac is null and action = any(?) order by id limit ? for update`,
    [tx.tenantId, [...actions], limit],
  );
  return rows.map(toRecord);
}

/** Gives a line of the database's own its commitments, its digest and its MAC. */
export async function prove({ db, tenantId }: TenantCall, record: StoredRecord): Promise<void> {
  await db('audit_pending').where({ tenant_id: tenantId, id: record.id }).update({
    origin_salt: record.origin.salt,
    origin_digest: record.origin.digest,
    state_salt: record.state.salt,
    state_digest: record.state.digest,
    digest: record.digest,
    mac: record.mac,
  });
}

/** The ids before and behind every other. */
export const FIRST_ID = '00000000-0000-0000-0000-000000000000';
export const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Records that are not chained yet, the oldest first. */
export async function listPending({ db, tenantId }: TenantCall, after: string, limit: number): Promise<StoredRecord[]> {
  const { rows } = await db.raw(
    `select ${COLUMNS} from audit_pending where tenant_id = ? and id > ? order by id limit ?`,
    [tenantId, after, limit],
  );
  return rows.map(toRecord);
}

/** Records of the chain behind a record, in its order. Two that claim one place both come. */
export async function listChained(
  { db, tenantId }: TenantCall,
  after: { seq: number; id: string },
  limit: number,
): Promise<ChainedRecord[]> {
  const { rows } = await db.raw(
    `select ${COLUMNS}, seq, previous, hash from audit_chain
      where tenant_id = ? and seq >= ? and (seq, id) > (?, ?) order by seq, id limit ?`,
    [tenantId, after.seq, after.seq, after.id, limit],
  );
  return rows.map(toChained);
}

type Table = 'audit_pending' | 'audit_chain';

/** Records that still hold data of a person; held until the transaction ends. */
export async function lockOf(
  { db, tenantId }: TenantCall,
  table: Table,
  userId: UserId,
  limit: number,
): Promise<StoredRecord[]> {
  const { rows } = await db.raw(
    `select ${COLUMNS} from ${table} where tenant_id = :tenantId and mac is not null and (
        (actor_id = :userId::text and actor_kind = 'user' and origin is not null)
        or (person = :userId::uuid and (state is not null or (actor_kind = 'anonymous' and origin is not null))))
      limit :limit for update`,
    { tenantId, userId, limit },
  );
  return rows.map(toRecord);
}

/** Writes of records what is left of them, and their MACs. */
export async function erase(
  { db, tenantId }: TenantCall,
  table: Table,
  records: readonly StoredRecord[],
): Promise<void> {
  await db.raw(
    `update ${table} r set mac = w.mac,
        origin = case when w.origin then r.origin end, origin_salt = case when w.origin then r.origin_salt end,
        state = case when w.state then r.state end, state_salt = case when w.state then r.state_salt end
      from unnest(?::timestamptz[], ?::uuid[], ?::boolean[], ?::boolean[], ?::bytea[]) as w(at, id, origin, state, mac)
      where r.tenant_id = ? and r.at = w.at and r.id = w.id`,
    [
      records.map(({ at }) => at),
      records.map(({ id }) => id),
      records.map(({ origin }) => origin.text !== null),
      records.map(({ state }) => state.text !== null),
      records.map(({ mac }) => mac) as never,
      tenantId,
    ],
  );
}

export type RecordFilter = {
  action?: string | undefined;
  actorId?: string | undefined;
  resource?: string | undefined;
  resourceId?: string | undefined;
  /** Included. */
  from?: Date | undefined;
  /** Not included. */
  to?: Date | undefined;
};

/** A place in a list that is ordered by time. */
export type Place = { at: string; id: string };

export type Listed = StoredRecord & { hash: Buffer | null };

/** Records of the trail, chained or not, behind a place; the newest or the oldest first. */
export async function list(
  { db, tenantId }: TenantCall,
  { action, actorId, resource, resourceId, from, to }: RecordFilter,
  { after, oldestFirst, limit }: { after?: Place | undefined; oldestFirst: boolean; limit: number },
): Promise<Listed[]> {
  const [direction, than] = oldestFirst ? (['asc', '>'] as const) : (['desc', '<'] as const);
  const part = (table: string, hash: string) => {
    const query = db(table)
      .where({ tenant_id: tenantId })
      .where(present({ action, actor_id: actorId, resource, resource_id: resourceId }));
    if (from) query.where('at', '>=', from);
    if (to) query.where('at', '<', to);
    if (after) query.whereRaw(`(at, id) ${than} (?, ?)`, [after.at, after.id]);
    // By the column: a bare name would mean its text, which no index has in order.
    const rows = query.orderBy(`${table}.at`, direction).orderBy('id', direction).limit(limit);
    return rows.select(db.raw(`${COLUMNS}, at as moment, ${hash} as hash`)) as Knex.QueryBuilder;
  };
  const both = db.unionAll([part('audit_chain', 'hash'), part('audit_pending', 'null::bytea')], true);
  const rows: (Row & { hash: Buffer | null })[] = await db
    .from(both.as('trail'))
    .orderBy('moment', direction)
    .orderBy('id', direction)
    .limit(limit)
    .select('*');
  return rows.map((row) => ({ ...toRecord(row), hash: row.hash }));
}

/** The conditions that were given. */
const present = (conditions: Record<string, string | undefined>) =>
  Object.fromEntries(Object.entries(conditions).filter(([, value]) => value !== undefined));
