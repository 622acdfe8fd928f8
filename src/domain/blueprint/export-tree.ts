import type { OperatorCall } from '../../kernel/call.ts';
import type { NodeId, TenantId } from '../../kernel/ids.ts';
import { keyOfName, type OrgNode, rootOf } from '../nodes/node.ts';
import type { User } from '../users/user.ts';
import type { MemberBlueprint, NodeBlueprint, TenantBlueprint } from './blueprint.ts';
import { by, compact } from './document.ts';
import { type BlueprintRooms, byTenant } from './work.ts';

/** The organisation trees of several tenants, each with its members, as a file would declare them. */
export async function exportedTrees(
  tx: OperatorCall,
  rooms: BlueprintRooms,
  tenantIds: readonly TenantId[],
): Promise<(tenantId: TenantId, people: readonly User[]) => Pick<TenantBlueprint, 'nodes' | 'members'>> {
  const nodes = byTenant(await rooms.nodes.nodesOfTenants(tx, tenantIds));
  const memberships = byTenant(await rooms.memberships.membershipsOfTenants(tx, tenantIds));
  return (tenantId, people) => {
    const children = Map.groupBy(
      (nodes.get(tenantId) ?? []).map(({ node }) => node),
      ({ parentId }) => parentId!,
    );
    const users = new Map(people.map((user) => [user.id, user]));
    const members = Map.groupBy(memberships.get(tenantId) ?? [], ({ nodeId }) => nodeId);

    const membersOf = (id: NodeId): MemberBlueprint[] =>
      (members.get(id) ?? [])
        .flatMap(({ userId, roles }) => {
          const user = users.get(userId);
          return user
            ? [{ key: user.emailCanonical, part: compact({ user: user.email, roles: roles.toSorted() }) }]
            : [];
        })
        .sort(by(({ key }) => key))
        .map(({ part }) => part);
    const nodesBelow = (id: NodeId): NodeBlueprint[] =>
      (children.get(id) ?? []).sort(by(({ name }) => keyOfName(name))).map(nodePart);
    const nodePart = ({ id, name, type, legalName, country, status }: OrgNode): NodeBlueprint =>
      compact<NodeBlueprint>({
        name,
        type: type as NodeBlueprint['type'],
        id,
        legalName,
        country,
        status: status === 'active' ? undefined : status,
        members: membersOf(id),
        nodes: nodesBelow(id),
      });

    const root = rootOf(tenantId);
    return { nodes: nodesBelow(root), members: membersOf(root) };
  };
}
