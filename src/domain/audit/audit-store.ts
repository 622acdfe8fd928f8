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
