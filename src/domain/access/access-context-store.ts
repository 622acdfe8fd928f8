import type { TenantCall } from '../../kernel/call.ts';
import type { NodeId, UserId } from '../../kernel/ids.ts';

export type ContextRow = {
  roles: string[];
  /** Those of the tenant's own roles; what a system role allows stands in the code. */
  permissions: string[];
  memberships: { nodeId: NodeId; nodeType: string; name: string; roles: string[] }[];
};

/** All that a user may do and where they belong, in one statement. Opens row-level security by itself. */
export async function find({ db, tenantId }: TenantCall, userId: UserId): Promise<ContextRow> {
  const { rows } = await db.raw<{ rows: ContextRow[] }>(
    'select roles, permissions, memberships from access_context(?, ?)',
    [tenantId, userId],
  );
  return rows[0]!;
}
