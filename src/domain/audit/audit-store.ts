import { prepared, preparedTogether } from '../../database/pool.ts';
import type { TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';

/** The part of a line that comes from the call. */
export type AuditAuthor = {
  id: string;
  at: Date;
  actorKind: string;
  actorId: string | null;
  ip: string | null;
  userAgent: string | null;
  requestId: string | null;
};

export type AuditRow = AuditAuthor & {
  tenantId: TenantId;
  action: string;
  target: string | null;
  details: Record<string, unknown>;
};

const TENANT = { name: 'tenant-set', text: `select set_config('gatehouse.tenant', $1, true)` };
const ADD = {
  name: 'audit-add',
  text: `insert into audit_events (tenant_id, id, at, action, actor_kind, actor_id, target, ip, user_agent, request_id, details)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
};

const valuesOf = (row: AuditRow) => {
  const { tenantId, id, at, action, actorKind, actorId, target, ip, userAgent, requestId, details } = row;
  return [tenantId, id, at, action, actorKind, actorId, target, ip, userAgent, requestId, JSON.stringify(details)];
};

/** One row, in the transaction that `db` is; outside of one, in one of its own that is a single round trip. */
export async function add({ db }: Pick<TenantCall, 'db'>, row: AuditRow): Promise<void> {
  const addition = { statement: ADD, values: valuesOf(row) };
  if (db.isTransaction) await prepared(db, ADD, addition.values);
  else await preparedTogether(db, [{ statement: TENANT, values: [row.tenantId] }, addition]);
}

/** Rows of any tenants that the transaction may write; one statement. */
export async function insert({ db }: Pick<TenantCall, 'db'>, rows: readonly AuditRow[]): Promise<void> {
  await db('audit_events').insert(
    rows.map((row) => ({
      tenant_id: row.tenantId,
      id: row.id,
      at: row.at,
      action: row.action,
      actor_kind: row.actorKind,
      actor_id: row.actorId,
      target: row.target,
      ip: row.ip,
      user_agent: row.userAgent,
      request_id: row.requestId,
      details: JSON.stringify(row.details),
    })),
  );
}
