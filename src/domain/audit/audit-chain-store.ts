import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import type { Checkpoint, Point } from './audit-proof.ts';

type Row = { kind: 'head' | 'base'; seq: string; record_id: string; hash: Buffer; at: string; signature: Buffer };

const COLUMNS = `kind, seq, record_id, hash, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at, signature`;

const toCheckpoint = (row: Row): Checkpoint => ({
  kind: row.kind,
  seq: Number(row.seq),
  id: row.record_id,
  hash: row.hash,
  at: row.at,
  signature: row.signature,
});

/** The signed points of the tenant's chain. */
export async function findCheckpoints({ db, tenantId }: TenantCall): Promise<{ head?: Checkpoint; base?: Checkpoint }> {
  const rows: Row[] = await db('audit_checkpoints').where({ tenant_id: tenantId }).select(db.raw(COLUMNS));
  return Object.fromEntries(rows.map((row) => [row.kind, toCheckpoint(row)]));
}

/** Holds the chain as it is until the transaction ends; what is read after it is what the last holder left. */
export async function holdChain({ db, tenantId }: TenantCall): Promise<void> {
  await db('audit_checkpoints').where({ tenant_id: tenantId, kind: 'head' }).forUpdate().first('kind');
}

/**
 * Holds the end of the chain until the transaction ends: it grows in one place at a time.
 *
 * @param first the head of a chain that has not begun
 * @param wait whether to wait for somebody else who has it; undefined is given otherwise
 */
export async function lockHead(
  tx: TenantCall,
  first: () => Checkpoint,
  wait: boolean,
): Promise<Checkpoint | undefined> {
  const locked = async () => {
    const query = tx.db('audit_checkpoints').where({ tenant_id: tx.tenantId, kind: 'head' }).forUpdate();
    const [row]: Row[] = await (wait ? query : query.skipLocked()).select(tx.db.raw(COLUMNS));
    return row && toCheckpoint(row);
  };
  const head = await locked();
  if (head) return head;
  await putCheckpoint(tx, first(), 'ignore');
  return locked();
}

/** Writes a checkpoint in the place of the earlier one of its kind, or leaves that one alone. */
export async function putCheckpoint(
  { db, tenantId }: TenantCall,
  { kind, seq, id, hash, at, signature }: Checkpoint,
  other: 'replace' | 'ignore' = 'replace',
): Promise<void> {
  const insert = db('audit_checkpoints')
    .insert({ tenant_id: tenantId, kind, seq, record_id: id, hash, at, signature })
    .onConflict(['tenant_id', 'kind']);
  await (other === 'replace' ? insert.merge(['seq', 'record_id', 'hash', 'at', 'signature']) : insert.ignore());
}

/** Moves pending records behind a point, the oldest first. @returns the new end, and which records were moved */
export async function extend(
  { db, tenantId }: TenantCall,
  { seq, id, hash }: Point,
  limit: number,
): Promise<Point & { moved: string[] }> {
  const { rows } = await db.raw('select seq, hash, record_id, moved from audit_extend(?, ?, ?, ?, ?)', [
    tenantId,
    seq,
    hash,
    id,
    limit,
  ]);
  const [row] = rows as { seq: string; hash: Buffer; record_id: string; moved: string[] }[];
  return { seq: Number(row!.seq), id: row!.record_id, hash: row!.hash, moved: row!.moved };
}

/** Tenants that have records which are not chained. */
export async function tenantsPending({ db }: OperatorCall, limit: number): Promise<TenantId[]> {
  return db('audit_pending').distinct('tenant_id').limit(limit).pluck('tenant_id');
}

/** Where records are. One statement: a record is in one place at a time. */
export async function whereabouts(
  { db, tenantId }: TenantCall,
  records: readonly { id: string; at: string }[],
): Promise<{ id: string; place: 'pending' | 'chain' | null }[]> {
  const { rows } = await db.raw(
    `select w.id, case
        when exists (select from audit_pending p where p.tenant_id = ? and p.id = w.id) then 'pending'
        when exists (select from audit_chain c where c.tenant_id = ? and c.at = w.at and c.id = w.id) then 'chain' end as place
      from unnest(?::uuid[], ?::timestamptz[]) as w(id, at)`,
    [tenantId, tenantId, records.map(({ id }) => id), records.map(({ at }) => at)],
  );
  return rows;
}

/** The last point of the chain all of whose records, up to it, are older than the given month; undefined: there is none. */
export async function lastBefore({ db, tenantId }: TenantCall, month: Date, head: Point): Promise<Point | undefined> {
  const kept: { seq: string } | undefined = await db('audit_chain')
    .where({ tenant_id: tenantId })
    .where('at', '>=', month)
    .orderBy('seq')
    .first('seq');
  const seq = kept ? Number(kept.seq) - 1 : head.seq;
  const row: { id: string; hash: Buffer } | undefined = await db('audit_chain')
    .where({ tenant_id: tenantId, seq })
    .first('id', 'hash');
  return row && { seq, ...row };
}

/** Deletes up to so many records up to a place. @returns how many */
export async function removeUpTo({ db, tenantId }: TenantCall, seq: number, limit: number): Promise<number> {
  const { rowCount } = await db.raw(
    `delete from audit_chain where tenant_id = ? and seq <= least(?, (
       select min(c.seq) + ? - 1 from audit_chain c where c.tenant_id = ?))`,
    [tenantId, seq, limit, tenantId],
  );
  return rowCount;
}

export type Retention = { tenantId: TenantId; days: number | null };

/** Tenants after one, in order, and for how many days each keeps its trail where it says so itself. */
export async function retentionsAfter(
  { db }: OperatorCall,
  after: TenantId | undefined,
  limit: number,
): Promise<Retention[]> {
  const rows: { id: TenantId; days: number | null }[] = await db('tenants')
    .where((where) => void (after && where.where('id', '>', after)))
    .orderBy('id')
    .limit(limit)
    .select('id', db.raw(`(settings -> 'audit' ->> 'retentionDays')::int as days`));
  return rows.map(({ id, days }) => ({ tenantId: id, days }));
}

/** Makes the table of the month that a moment lies in, where there is none. */
export async function makeMonth({ db }: OperatorCall, moment: Date): Promise<void> {
  await db.raw('select audit_month(?)', [moment]);
}

/** Drops the tables of months before the given one that hold nothing any more that is kept. Waits for nobody long. */
export async function dropMonths({ db }: OperatorCall, before: Date): Promise<number> {
  await db.raw(`set local lock_timeout = '2s'`);
  const { rows } = await db.raw('select audit_drop_months(?) as dropped', [before]);
  return rows[0].dropped;
}
