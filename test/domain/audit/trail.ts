import pg from 'pg';
import { type AuditService, createAuditService } from '../../../src/domain/audit/audit-service.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { superuserUrl } from '../../support/database.ts';
import { aTenant, rooms } from '../../support/rooms.ts';

/** Writes a record as a service does. */
export const write = (call: TenantCall, action: string, note: object = {}): Promise<void> =>
  inTransaction(call, (tx) => rooms().audit.record(tx, action, note));

/** A tenant whose chain has so many records; the first is that of its making. */
export async function aChain(records: number): Promise<TenantCall> {
  const call = { ...(await aTenant()), origin: { ip: '203.0.113.7', userAgent: 'Browser/1', requestId: 'r-1' } };
  for (let at = 1; at < records; at++)
    await write(call, 'thing.done', { target: `user:${USER}`, before: { size: at - 1 }, after: { size: at } });
  await rooms().audit.link(call);
  return call;
}

export const USER = '01980f3c-6f9f-7b54-9a51-3c8e1d0a4b77';

let hands: pg.Pool | undefined;

/** What somebody does who has the database: a statement that no policy holds back. */
export async function tamper(statement: string, values: unknown[] = []): Promise<pg.QueryResult> {
  if (!hands) {
    hands = new pg.Pool({ connectionString: superuserUrl(), max: 1 });
    // The database goes away under it at the end of the run.
    hands.on('error', () => {});
  }
  return hands.query(statement, values);
}

/** Another node on the same database: it remembers nothing of what the first one saw. */
export const anotherNode = () => createAuditService({ keys: rooms().tenantKeys });

/** The ids of the tenant's chained records, in order. */
export async function idsOf({ tenantId }: TenantCall): Promise<string[]> {
  const { rows } = await tamper('select id from audit_chain where tenant_id = $1 order by seq', [tenantId]);
  return rows.map(({ id }: { id: string }) => id);
}

/** What a look at the trail says, in short. */
export async function verdictOf(call: TenantCall, node: Pick<AuditService, 'verify'> = anotherNode()) {
  const { intact, entries, firstBroken } = await node.verify(call);
  return { intact, entries, problem: firstBroken?.problem, id: firstBroken?.id };
}
