import { z } from 'zod';
import { operation } from '../operation.ts';
import { time } from './fields.ts';
import { nodeIds } from './ids.ts';
import { exampleNode } from './node-body.ts';
import { ME_RATE } from './rates.ts';

const contextBody = z.object({
  roles: z.array(z.string()),
  permissions: z.array(z.string()),
  memberships: z.array(
    z.object({ nodeId: nodeIds.text, nodeType: z.string(), name: z.string(), roles: z.array(z.string()) }),
  ),
  effectiveModules: z.array(
    z.object({ code: z.string(), status: z.string(), source: nodeIds.text, expiresAt: time.nullable() }),
  ),
});

export const accessContext = operation({
  method: 'GET',
  path: '/api/v1/me/access-context',
  summary: 'What you may do, and where',
  description:
    '`roles` and `permissions` hold in the tenant as a whole; the roles of a membership hold at that node and say nothing beyond it. Nodes that are archived, or below one that is, are left out.',
  access: 'signed-in',
  answers: { 200: contextBody },
  failures: [],
  rate: [ME_RATE],
  example: {
    answer: {
      roles: ['nurse'],
      permissions: ['ward.beds:read'],
      memberships: [{ nodeId: exampleNode.id, nodeType: 'organization', name: 'North Clinic', roles: ['nurse'] }],
      effectiveModules: [],
    },
  },
  async handle({ call, answer }, { access }) {
    const context = await access.accessContextOf(call, call.actor.userId);
    return answer(200, {
      roles: [...context.roles],
      permissions: [...context.permissions],
      memberships: context.memberships.map((place) => ({
        ...place,
        nodeId: nodeIds.encode(place.nodeId),
        roles: [...place.roles],
      })),
      effectiveModules: context.effectiveModules.map((module) => ({
        ...module,
        source: nodeIds.encode(module.source),
        expiresAt: module.expiresAt?.toISOString() ?? null,
      })),
    });
  },
});
