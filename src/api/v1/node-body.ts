import { z } from 'zod';
import { NODE_TYPES, type OrgNode } from '../../domain/nodes/node.ts';
import type { NodeTree } from '../../domain/nodes/node-service.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { time } from './fields.ts';
import { nodeIds } from './ids.ts';

export const nodeType = z.enum(NODE_TYPES);
export const nodeStatus = z.enum(['active', 'archived']);
export const nodeName = z
  .string()
  .min(1)
  .max(LIMITS.nameChars * 2);
export const country = z.string().length(2, 'must be a country by two capital letters (ISO 3166-1)');

/** A place in the organisation tree, as every operation of this contract shows it. */
export const nodeBody = z.object({
  id: nodeIds.text,
  parentId: nodeIds.text.nullable(),
  type: z.enum(['tenant', ...NODE_TYPES]),
  name: z.string(),
  legalName: z.string().nullable(),
  country: z.string().nullable(),
  status: nodeStatus,
  createdAt: time,
  updatedAt: time,
});

type TreeBody = z.input<typeof nodeBody> & { children: TreeBody[] };

/** The same with what is below it. */
export const nodeTree: z.ZodType<TreeBody, TreeBody> = z
  .object({
    ...nodeBody.shape,
    get children(): z.ZodArray<z.ZodType<TreeBody, TreeBody>> {
      return z.array(nodeTree);
    },
  })
  .meta({ id: 'v1NodeTree' });

export const presentNode = (node: OrgNode): z.input<typeof nodeBody> => ({
  ...node,
  id: nodeIds.encode(node.id),
  parentId: node.parentId && nodeIds.encode(node.parentId),
  createdAt: node.createdAt.toISOString(),
  updatedAt: node.updatedAt.toISOString(),
});

export const presentTree = ({ children, ...node }: NodeTree): TreeBody => ({
  ...presentNode(node),
  children: children.map(presentTree),
});

export const exampleNode: z.input<typeof nodeBody> = {
  id: 'nod_01HZX3F5T8Q2M4N6P7R9S0V1W7',
  parentId: 'nod_01HZX3F5T8Q2M4N6P7R9S0V1W3',
  type: 'organization',
  name: 'North Clinic',
  legalName: 'North Clinic Ltd.',
  country: 'GB',
  status: 'active',
  createdAt: '2026-01-01T12:00:00.000Z',
  updatedAt: '2026-01-01T12:00:00.000Z',
};
