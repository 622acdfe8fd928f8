import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { NodeId, UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { likePattern, type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import type { AccessService } from '../access/access-service.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { Member, Place } from './membership.ts';
import { createMembershipBatch } from './membership-batch.ts';
import * as store from './membership-store.ts';
import type { OrgNode } from './node.ts';
import * as nodeStore from './node-store.ts';

export type MembershipServiceDeps = {
  audit: AuditService;
  access: Pick<AccessService, 'setMemberRoles' | 'lockHolder' | 'grantRoles'>;
};

/** Who belongs to which node of the organisation tree, and with which roles. */
export function createMembershipService({ audit, access }: MembershipServiceDeps) {
  const target = (nodeId: NodeId) => ({ target: `node:${nodeId}` });

  /** The one way into a node: whatever a membership costs or needs is asked here. Whether the user joined by this. */
  async function join(tx: TenantCall, node: OrgNode, userId: UserId): Promise<boolean> {
    if (await store.find(tx, node.id, userId)) return false;
    const above = await nodeStore.ancestors(tx, node.id);
    if (above.some(({ status }) => status === 'archived')) throw new Failure('node_archived', { nodeId: node.id });
    const places = await store.countOf(tx, userId, LIMITS.membershipsOfUser);
    if (places >= LIMITS.membershipsOfUser) throw new Failure('node_limit', { userId });
    return store.insert(tx, node.id, userId);
  }

  return {
    ...createMembershipBatch({ audit, access }),

    /**
     * Makes a user a member of a node with exactly these roles there; none is a member too. The same again changes
     * nothing.
     *
     * @throws Failure `node_not_found`, `user_not_found`, `user_deactivated`, `role_not_found`, `invalid_input` for
     *   SUPER_ADMIN; `privilege_escalation` when the actor does not hold all that the roles allow which are given or
     *   taken; for a new member `node_archived`, and `node_limit` for one of too many nodes
     */
    async set(call: TenantCall, nodeId: NodeId, userId: UserId, roles: readonly string[]): Promise<Member> {
      return inTransaction(call, async (tx) => {
        const node = (await nodeStore.hold(tx, nodeId)) ?? nodeNotFound(nodeId);
        await access.lockHolder(tx, userId);
        const isNew = await join(tx, node, userId);
        const { added, removed } = await access.setMemberRoles(tx, { nodeId, userId }, roles);
        if (isNew || added.length + removed.length > 0)
          await audit.record(tx, isNew ? 'node.member_added' : 'node.member_changed', {
            ...target(nodeId),
            details: { userId, added, removed },
          });
        return (await store.find(tx, nodeId, userId))!;
      });
    },

    /**
     * Takes a user out of a node.
     *
     * @throws Failure `node_not_found`, `member_not_found`; `privilege_escalation` when they may do there what the actor may not
     */
    async remove(call: TenantCall, nodeId: NodeId, userId: UserId): Promise<void> {
      await inTransaction(call, async (tx) => {
        if (!(await nodeStore.hold(tx, nodeId))) nodeNotFound(nodeId);
        if (!(await store.find(tx, nodeId, userId))) memberNotFound(nodeId, userId);
        await access.lockHolder(tx, userId);
        const { removed } = await access.setMemberRoles(tx, { nodeId, userId }, []);
        if (!(await store.remove(tx, nodeId, userId))) memberNotFound(nodeId, userId);
        await audit.record(tx, 'node.member_removed', { ...target(nodeId), details: { userId, removed } });
      });
    },

    /**
     * A page of the members of a node by e-mail address; not those of the nodes below it. `search` looks into e-mail
     * address and names.
     *
     * @throws Failure `node_not_found`, `invalid_input`
     */
    async list(
      call: TenantCall,
      nodeId: NodeId,
      { search, ...query }: PageQuery & { search?: string | undefined } = {},
    ): Promise<Page<Member>> {
      const window = pageWindow(query);
      const like = search === undefined ? undefined : likePattern(search);
      return inTransaction(call, async (tx) => {
        if (!(await nodeStore.find(tx, nodeId))) nodeNotFound(nodeId);
        const { items, total } = await store.list(tx, nodeId, like, window);
        return { items, total, page: window.page, pageSize: window.limit };
      });
    },

    /** All nodes to which a user belongs, by name, archived ones too; none for an unknown user. */
    placesOf: (call: TenantCall, userId: UserId): Promise<Place[]> =>
      inTransaction(call, (tx) => store.placesOf(tx, userId)),
  };
}

export type MembershipService = ReturnType<typeof createMembershipService>;

function nodeNotFound(nodeId: NodeId): never {
  throw new Failure('node_not_found', { nodeId });
}

function memberNotFound(nodeId: NodeId, userId: UserId): never {
  throw new Failure('member_not_found', { nodeId, userId });
}
