import { z } from 'zod';
import { rootOf, versionOfNode } from '../../domain/nodes/node.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { countingNumber, pageBody, pageFields, presentPage } from '../schemas.ts';
import { search } from './fields.ts';
import { nodeIds } from './ids.ts';
import {
  country,
  exampleNode,
  nodeBody,
  nodeName,
  nodeStatus,
  nodeTree,
  nodeType,
  presentNode,
  presentTree,
} from './node-body.ts';

const nodeId = z.strictObject({ id: nodeIds.schema });
const exampleId = { id: exampleNode.id };

/** What may stand in the way of putting a node somewhere. */
const PLACING = ['node_nesting', 'node_depth', 'node_limit', 'node_archived', 'node_taken'] as const;

export const nodes = operation({
  method: 'GET',
  path: '/api/v1/nodes',
  summary: 'See the organisation tree, or list its nodes',
  description: `In pages by name: of the whole tenant, or right below \`parentId\`; \`search\` looks into both names. With \`view=tree\` instead the node \`parentId\`, or the root, with what is below it, as far as \`levels\`: of a larger tree the outermost ${LIMITS.nodeTree} nodes, and \`complete\` is false. The root is the tenant itself, of type \`tenant\`.`,
  access: { permission: 'iam.nodes:read' },
  query: z
    .strictObject({
      ...pageFields,
      view: z.enum(['page', 'tree']).optional(),
      parentId: nodeIds.schema.optional(),
      levels: countingNumber(LIMITS.nodeDepth).optional(),
      type: z.enum(['tenant', ...nodeType.options]).optional(),
      status: nodeStatus.optional(),
      search: search.optional(),
    })
    .refine(
      ({ view, parentId: _, levels, ...ofPages }) =>
        view === 'tree' ? Object.values(ofPages).every((value) => value === undefined) : levels === undefined,
      { path: ['view'], error: 'a tree has no pages and is not searched; levels are those of a tree' },
    ),
  answers: { 200: z.union([pageBody(nodeBody), z.object({ data: z.array(nodeTree), complete: z.boolean() })]) },
  failures: ['node_not_found'],
  example: { answer: { data: [exampleNode], page: 1, pageSize: 50, total: 1 } },
  async handle({ call, query, answer }, services) {
    if (query.view !== 'tree') return answer(200, presentPage(await services.nodes.list(call, query), presentNode));
    const { tree, isWhole } = await services.nodes.tree(call, { root: query.parentId, levels: query.levels });
    return answer(200, { data: [presentTree(tree)], complete: isWhole });
  },
});

export const createNode = operation({
  method: 'POST',
  path: '/api/v1/nodes',
  summary: 'Make a node',
  description:
    'Below `parentId`, or below the root where that is null or left out. From the outside in: organization, facility, department, team; a level may be left out or repeated. Siblings differ by name.',
  access: { permission: 'iam.nodes:write' },
  body: z.strictObject({
    parentId: nodeIds.schema.nullable().optional(),
    type: nodeType,
    name: nodeName,
    legalName: nodeName.nullable().optional(),
    country: country.nullable().optional(),
  }),
  answers: { 201: nodeBody },
  failures: ['node_not_found', ...PLACING],
  idempotent: 'honoured',
  example: {
    body: { type: 'organization', name: 'North Clinic', legalName: 'North Clinic Ltd.', country: 'GB' },
    answer: exampleNode,
  },
  async handle({ call, body, answer }, { nodes: tree }) {
    const node = await tree.create(call, { ...body, parentId: body.parentId ?? rootOf(call.tenantId) });
    return answer(201, presentNode(node), {
      version: versionOfNode(node),
      location: `/api/v1/nodes/${nodeIds.encode(node.id)}`,
    });
  },
});

export const getNode = operation({
  method: 'GET',
  path: '/api/v1/nodes/:id',
  summary: 'See a node',
  access: { permission: 'iam.nodes:read' },
  params: nodeId,
  answers: { 200: nodeBody },
  failures: ['node_not_found'],
  versioned: true,
  example: { params: exampleId, answer: exampleNode },
  async handle({ call, params, answer }, { nodes: tree }) {
    const node = await tree.get(call, params.id);
    return answer(200, presentNode(node), { version: versionOfNode(node) });
  },
});

export const updateNode = operation({
  method: 'PATCH',
  path: '/api/v1/nodes/:id',
  summary: 'Change, move or archive a node',
  description:
    'What is left out stays; null takes a value away. Another `parentId` moves the node with all that is below it, null to the root. What is archived, and all below it, takes nothing new, and memberships there count nowhere. The type stays, and so does the root.',
  access: { permission: 'iam.nodes:write' },
  params: nodeId,
  body: z.strictObject({
    name: nodeName.optional(),
    legalName: nodeName.nullable().optional(),
    country: country.nullable().optional(),
    status: nodeStatus.optional(),
    parentId: nodeIds.schema.nullable().optional(),
  }),
  answers: { 200: nodeBody },
  failures: ['node_not_found', 'node_root', 'node_cycle', ...PLACING],
  versioned: true,
  example: { params: exampleId, body: { name: 'North Clinic' }, answer: exampleNode },
  async handle({ call, params, body, expected, answer }, { nodes: tree }) {
    const parentId = body.parentId === null ? rootOf(call.tenantId) : body.parentId;
    const node = await tree.update(call, params.id, { ...body, parentId }, expected);
    return answer(200, presentNode(node), { version: versionOfNode(node) });
  },
});

export const deleteNode = operation({
  method: 'DELETE',
  path: '/api/v1/nodes/:id',
  summary: 'Remove a node',
  description: `Is refused while the node has members or nodes below it, unless \`subtree=true\` asks for all of it to go: ${LIMITS.nodeRemovals} nodes at most.`,
  access: { permission: 'iam.nodes:write' },
  params: nodeId,
  query: z.strictObject({ subtree: z.enum(['true', 'false']).optional() }),
  answers: { 204: null },
  failures: ['node_not_found', 'node_root', 'node_not_empty', 'node_limit', 'privilege_escalation'],
  versioned: true,
  example: { params: exampleId },
  async handle({ call, params, query, expected, answer }, { nodes: tree }) {
    await tree.remove(call, params.id, { subtree: query.subtree === 'true', expected });
    return answer(204, null);
  },
});
