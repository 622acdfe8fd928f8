import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type NodeId, newId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { likePattern, type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import { assertVersion, type Expected } from '../../kernel/version.ts';
import type { AccessService } from '../access/access-service.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import * as memberStore from './membership-store.ts';
import {
  auditedNode,
  checkedNode,
  keyOfName,
  mayHold,
  type NodeChange,
  type NodeDraft,
  type NodeStatus,
  type NodeType,
  type NodeValues,
  type OrgNode,
  rootOf,
  versionOfNode,
} from './node.ts';
import { createNodeBatch, orTaken } from './node-batch.ts';
import * as listStore from './node-list-store.ts';
import * as store from './node-store.ts';

export type NodeServiceDeps = { audit: AuditService; access: Pick<AccessService, 'assertHoldsAtNodes'> };

export type NodeQuery = PageQuery & {
  parentId?: NodeId | undefined;
  type?: NodeType | undefined;
  status?: NodeStatus | undefined;
  search?: string | undefined;
};

export type NodeRemoval = {
  /** Whether all that is below it goes too. */
  subtree?: boolean | undefined;
  /** The versions of which the node must be one. */
  expected?: Expected;
};

/** A node with what is below it. */
export type NodeTree = OrgNode & { children: NodeTree[] };

/**
 * The organisation tree of a tenant. Whoever changes its shape holds the whole tree, and whoever adds to it holds it
 * together with others, so that no two changes meet: there is no ring, and no node without its parent.
 */
export function createNodeService({ audit, access }: NodeServiceDeps) {
  const target = (id: NodeId) => ({ target: `node:${id}` });

  return {
    ...createNodeBatch({ audit }),

    /**
     * Makes a node below another one, or below the root.
     *
     * @throws Failure `invalid_input`, `node_not_found`, `node_nesting`, `node_depth`, `node_limit`, `node_archived`; `node_taken`
     */
    async create(call: TenantCall, { parentId = rootOf(call.tenantId), type, ...draft }: NodeDraft): Promise<OrgNode> {
      const values = checkedNode(draft);
      return orTaken(() =>
        inTransaction(call, async (tx) => {
          await store.lockTree(tx, parentId === rootOf(tx.tenantId) ? 'change' : 'grow');
          await placeBelow(tx, parentId, type);
          const node = await store.insert(tx, { ...values, id: newId<NodeId>(), parentId, type });
          await audit.record(tx, 'node.created', { ...target(node.id), after: auditedNode(node) });
          return node;
        }),
      );
    },

    /** @throws Failure `node_not_found` */
    async get(call: TenantCall, id: NodeId): Promise<OrgNode> {
      return (await inTransaction(call, (tx) => store.find(tx, id))) ?? notFound(id);
    },

    /**
     * A page of nodes by name: of the whole tenant, or right below one node. `search` looks into both names.
     *
     * @throws Failure `invalid_input`; `node_not_found` for a parent that is not there
     */
    async list(call: TenantCall, { search, ...query }: NodeQuery = {}): Promise<Page<OrgNode>> {
      const window = pageWindow(query);
      const { parentId, type, status } = query;
      const filter = {
        parentId,
        type,
        status,
        like: search === undefined ? undefined : likePattern(keyOfName(search)),
      };
      return inTransaction(call, async (tx) => {
        if (parentId && !(await store.find(tx, parentId))) notFound(parentId);
        const { items, total } = await listStore.list(tx, filter, window);
        return { items, total, page: window.page, pageSize: window.limit };
      });
    },

    /**
     * A node with what is below it, children by name, as far as `levels`. Of a larger tree the outermost thousand nodes,
     * and `isWhole` says so.
     *
     * @throws Failure `node_not_found`
     */
    async tree(
      call: TenantCall,
      {
        root = rootOf(call.tenantId),
        levels = LIMITS.nodeDepth,
      }: { root?: NodeId | undefined; levels?: number | undefined } = {},
    ): Promise<{ tree: NodeTree; isWhole: boolean }> {
      const nodes = await inTransaction(call, (tx) => listStore.tree(tx, root, { levels, limit: LIMITS.nodeTree + 1 }));
      if (nodes.length === 0) notFound(root);
      return { tree: treeOf(nodes.slice(0, LIMITS.nodeTree), root), isWhole: nodes.length <= LIMITS.nodeTree };
    },

    /**
     * Changes what is given; another parent moves the node with all that is below it.
     *
     * @param expected the versions of which the node must be one
     * @throws Failure `node_not_found`, `node_root`, `precondition_failed`, `invalid_input`, `node_taken`; for a move also `node_nesting`,
     *   `node_cycle`, `node_depth`, `node_limit`, `node_archived`
     */
    async update(call: TenantCall, id: NodeId, change: NodeChange, expected?: Expected): Promise<OrgNode> {
      return orTaken(() =>
        inTransaction(call, async (tx) => {
          if (change.parentId !== undefined) await store.lockTree(tx, 'change');
          const node = await lockOwn(tx, id, { expected });
          const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
          const { parentId, ...fields } = { ...node, ...given };
          const values = { ...checkedNode(fields), parentId: parentId! };
          const changed = changedBetween(node, values);
          if (changed.length === 0) return node;
          if (changed.includes('parentId')) await assertMovable(tx, node, values.parentId);
          const updated = await store.update(tx, id, values);
          await audit.record(tx, changed.includes('parentId') ? 'node.moved' : 'node.updated', {
            ...target(id),
            ...changeOf(auditedNode(node), auditedNode(updated)),
          });
          return updated;
        }),
      );
    },

    /**
     * Removes a node. With `subtree`, all that is below it goes too, and everybody's place there.
     *
     * @throws Failure `node_not_found`, `node_root`, `precondition_failed`; `node_not_empty` without `subtree`; with it `node_limit` for more
     *   nodes than go at once, and `privilege_escalation` when a member may do there what the actor may not
     */
    async remove(call: TenantCall, id: NodeId, { subtree = false, expected }: NodeRemoval = {}): Promise<void> {
      await inTransaction(call, async (tx) => {
        await store.lockTree(tx, 'change');
        const node = await lockOwn(tx, id, { removal: true, expected });
        const most = subtree ? LIMITS.nodeRemovals : 1;
        const doomed = await store.subtree(tx, id, most + 1);
        if (doomed.length > most) throw new Failure(subtree ? 'node_limit' : 'node_not_empty', { nodeId: id });
        await store.lockAll(tx, doomed);
        const members = await memberStore.lockMembers(tx, doomed);
        if (members > 0 && !subtree) throw new Failure('node_not_empty', { nodeId: id, members });
        await access.assertHoldsAtNodes(tx, doomed);
        await store.remove(tx, doomed);
        const details = { nodes: doomed.length, members };
        await audit.record(tx, 'node.removed', { ...target(id), before: auditedNode(node), details });
      });
    },

    /** The node and all above it, the nearest first, in the caller's transaction; none for a node that is not the tenant's. */
    ancestorsOf: (tx: TenantCall, id: NodeId): Promise<OrgNode[]> => store.ancestors(tx, id),

    /** The ids of the node and of all below it, `limit` at most, in the caller's transaction; none for one that is not the tenant's. */
    subtreeOf: (tx: TenantCall, id: NodeId, limit: number): Promise<NodeId[]> => store.subtree(tx, id, limit),

    /** Holds a node until the transaction ends: who counts what hangs on it does so one after the other. @throws Failure `node_not_found` */
    lockNode: async (tx: TenantCall, id: NodeId): Promise<OrgNode> => (await store.lock(tx, id)) ?? notFound(id),
  };
}

export type NodeService = ReturnType<typeof createNodeService>;

/**
 * The nodes from the parent up, when a node of this type may be put below it; the parent stays as it is until the
 * transaction ends.
 *
 * @throws Failure `node_not_found`, `node_nesting`, `node_archived`, `node_depth`, `node_limit`
 */
async function placeBelow(tx: TenantCall, parentId: NodeId, type: NodeType): Promise<OrgNode[]> {
  const parent = (await store.lock(tx, parentId)) ?? notFound(parentId);
  if (!mayHold(parent.type, type)) throw new Failure('node_nesting', { above: parent.type, below: type });
  const above = await store.ancestors(tx, parentId);
  if (above.some(({ status }) => status === 'archived')) throw new Failure('node_archived', { parentId });
  if (above.length > LIMITS.nodeDepth) throw new Failure('node_depth', { parentId });
  if ((await store.countChildren(tx, parentId, LIMITS.nodeChildren)) >= LIMITS.nodeChildren)
    throw new Failure('node_limit', { parentId });
  return above;
}

/** Whether a node, whose tree the caller holds, may be moved there. @throws Failure as `placeBelow` does, and `node_cycle` */
async function assertMovable(tx: TenantCall, node: OrgNode, parentId: NodeId): Promise<void> {
  const above = await placeBelow(tx, parentId, node.type);
  if (above.some(({ id }) => id === node.id)) throw new Failure('node_cycle', { nodeId: node.id, parentId });
  // Only what comes to stand deeper than before can come to stand too deep.
  const depth = (await store.ancestors(tx, node.id)).length - 1;
  const room = LIMITS.nodeDepth - above.length;
  if (above.length > depth && (await store.reaches(tx, node.id, room + 1)))
    throw new Failure('node_depth', { nodeId: node.id, parentId });
}

/** @throws Failure `node_not_found`, `node_root`, `precondition_failed` */
async function lockOwn(
  tx: TenantCall,
  id: NodeId,
  { removal, expected }: { removal?: boolean; expected: Expected },
): Promise<OrgNode> {
  const node = (await store.lock(tx, id, { removal })) ?? notFound(id);
  if (node.parentId === null) throw new Failure('node_root', { nodeId: id });
  assertVersion(expected, versionOfNode(node));
  return node;
}

const COMPARED = ['name', 'legalName', 'country', 'status', 'parentId'] as const;

const changedBetween = (node: OrgNode, values: NodeValues & { parentId: NodeId }) =>
  COMPARED.filter((key) => node[key] !== values[key]);

/** Nodes in the order of a tree, nested. */
function treeOf(nodes: readonly OrgNode[], root: NodeId): NodeTree {
  const nested = new Map(nodes.map((node) => [node.id, { ...node, children: [] as NodeTree[] }]));
  for (const node of nested.values()) if (node.id !== root) nested.get(node.parentId!)!.children.push(node);
  return nested.get(root)!;
}

function notFound(nodeId: NodeId): never {
  throw new Failure('node_not_found', { nodeId });
}
