import type { TenantCall } from '../../kernel/call.ts';
import type { NodeId, UserId } from '../../kernel/ids.ts';
import * as store from './access-context-store.ts';
import { permissionsOfRoles } from './role.ts';

/** A node to which a user belongs, and the names of the roles that they have there and nowhere else. */
export type NodeAccess = { nodeId: NodeId; nodeType: string; name: string; roles: readonly string[] };

/** A module that the user may use, and the node by whose licence. */
export type EffectiveModule = { code: string; status: string; source: NodeId; expiresAt: Date | null };

/** What an application asks once to know what somebody may do. */
export type AccessContext = {
  roles: readonly string[];
  /** What the roles allow in the tenant as a whole; a role at a node adds nothing here. */
  permissions: readonly string[];
  memberships: readonly NodeAccess[];
  effectiveModules: readonly EffectiveModule[];
};

/**
 * All that a user may do and where they belong, in one statement. Nodes that are archived, or below one that is, are not
 * among the memberships.
 */
export async function accessContextOf(call: TenantCall, userId: UserId): Promise<AccessContext> {
  const { roles, permissions, memberships } = await store.find(call, userId);
  const system = permissionsOfRoles(roles.map((name) => ({ name, permissions: [] })));
  return {
    roles,
    permissions: [...new Set([...system, ...permissions])].sort(),
    memberships,
    // Nothing is licensed yet. Licensing joins here: one more column of access_context(), so that it stays one statement.
    effectiveModules: [],
  };
}
