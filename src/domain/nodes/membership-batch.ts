import { batchesOf } from '../../kernel/batches.ts';
import type { OperatorCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { RoleId, TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AccessService } from '../access/access-service.ts';
import type { AuditService } from '../audit/audit-service.ts';
import * as store from './membership-batch-store.ts';

/** A membership that is to be, with the roles there. */
export type NewMembership = store.MemberKey & { roleIds: readonly RoleId[] };

type Deps = { audit: AuditService; access: Pick<AccessService, 'grantRoles'> };

/** Memberships of several tenants at once, in the caller's transaction. Part of the membership service. */
export function createMembershipBatch({ audit, access }: Deps) {
  return {
    /** Those that exist of the named memberships. */
    membersNamed: async (tx: OperatorCall, members: readonly store.MemberKey[]): Promise<store.OwnedMembership[]> =>
      members.length === 0 ? [] : store.findNamed(tx, members),

    /** Makes users members of nodes. Only the service itself does this. @throws Failure `node_limit` for one of too many nodes */
    async addMembers(tx: OperatorCall, members: readonly NewMembership[]): Promise<void> {
      for (const batch of batchesOf(members, LIMITS.batchRows)) {
        await store.insertAll(tx, batch);
        const [full] = await store.overfull(tx, batch, LIMITS.membershipsOfUser);
        if (full) throw new Failure('node_limit', { userId: full });
      }
      await access.grantRoles(
        tx,
        members.flatMap(({ tenantId, nodeId, userId, roleIds }) =>
          roleIds.map((roleId) => ({ tenantId, roleId, holder: { kind: 'member', nodeId, userId } as const })),
        ),
      );
      await audit.recordAll(
        tx,
        members.map(({ tenantId, nodeId, userId }) => ({
          tenantId,
          action: 'node.member_added',
          target: `node:${nodeId}`,
          details: { userId },
        })),
      );
    },

    /** All memberships of several tenants. */
    membershipsOfTenants: (tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<store.OwnedMembership[]> =>
      store.listOf(tx, tenantIds),

    /** How many memberships each of several tenants has. */
    countByTenant: (tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<Map<TenantId, number>> =>
      store.countByTenant(tx, tenantIds),
  };
}
