import { batchesOf } from '../../kernel/batches.ts';
import type { OperatorCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { auditedNode } from './node.ts';
import * as store from './node-batch-store.ts';

/** Nodes of several tenants at once, in the caller's transaction. Part of the node service. */
export function createNodeBatch({ audit }: { audit: AuditService }) {
  return {
    /** Holds the trees of these tenants until the transaction ends. */
    lockTrees: (tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<void> => store.lockTrees(tx, tenantIds),

    /** Those that exist of the named nodes, by parent and name. */
    nodesAt: async (tx: OperatorCall, places: readonly store.NodePlace[]): Promise<store.OwnedNode[]> =>
      places.length === 0 ? [] : store.findAt(tx, places),

    /**
     * Nodes below others that are there, whose trees the caller holds; their types and their depth are the caller's
     * matter.
     *
     * @throws Failure `node_taken` for a name that a sibling has, `node_limit` for too many below one node
     */
    async createNodes(tx: OperatorCall, nodes: readonly store.NewNode[]): Promise<void> {
      for (const batch of batchesOf(nodes, LIMITS.batchRows)) {
        await orTaken(() => store.insertAll(tx, batch));
        const [full] = await store.overfull(tx, batch, LIMITS.nodeChildren);
        if (full) throw new Failure('node_limit', { parentId: full });
      }
      await audit.recordAll(
        tx,
        nodes.map((node) => ({
          tenantId: node.tenantId,
          action: 'node.created',
          target: `node:${node.id}`,
          after: auditedNode(node),
        })),
      );
    },

    /** All nodes of several tenants but their roots. */
    nodesOfTenants: (tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<store.OwnedNode[]> =>
      store.listOf(tx, tenantIds),

    /** How many nodes each of several tenants has beside its root. */
    countByTenant: (tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<Map<TenantId, number>> =>
      store.countByTenant(tx, tenantIds),
  };
}

/** What a broken constraint says of a node. */
const TAKEN: Record<string, 'node_taken' | 'conflict'> = { nodes_sibling: 'node_taken', nodes_pkey: 'conflict' };

/** @throws Failure `node_taken` for a name that a sibling has, `conflict` for an id that another node has */
export async function orTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = TAKEN[(error as { constraint?: string }).constraint ?? ''];
    throw code ? new Failure(code) : error;
  }
}
