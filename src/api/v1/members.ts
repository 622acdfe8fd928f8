import { z } from 'zod';
import type { Member } from '../../domain/nodes/membership.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { search, time } from './fields.ts';
import { nodeIds, userIds } from './ids.ts';
import { exampleNode } from './node-body.ts';
import { roleNames } from './role-body.ts';
import { exampleUser } from './user-body.ts';

/** That a user belongs to a node, as every operation of this contract shows it. */
const membershipBody = z.object({
  nodeId: nodeIds.text,
  userId: userIds.text,
  user: z.object({
    id: userIds.text,
    email: z.string(),
    firstName: z.string().nullable(),
    lastName: z.string().nullable(),
    status: z.enum(['pending', 'active', 'suspended', 'deactivated']),
  }),
  roles: z.array(z.string()),
  createdAt: time,
});

const presentMember = ({ nodeId, userId, user, roles, createdAt }: Member): z.input<typeof membershipBody> => ({
  nodeId: nodeIds.encode(nodeId),
  userId: userIds.encode(userId),
  user: { ...user, id: userIds.encode(userId) },
  roles: [...roles],
  createdAt: createdAt.toISOString(),
});

const exampleMember: z.input<typeof membershipBody> = {
  nodeId: exampleNode.id,
  userId: exampleUser.id,
  user: {
    id: exampleUser.id,
    email: exampleUser.email,
    firstName: exampleUser.firstName,
    lastName: exampleUser.lastName,
    status: exampleUser.status,
  },
  roles: ['nurse'],
  createdAt: '2026-01-01T12:00:00.000Z',
};

const memberId = z.strictObject({ id: nodeIds.schema, userId: userIds.schema });
const exampleIds = { id: exampleNode.id, userId: exampleUser.id };

export const members = operation({
  method: 'GET',
  path: '/api/v1/nodes/:id/members',
  summary: 'List the members of a node',
  description:
    'In pages by e-mail address; not those of the nodes below it. `search` looks into e-mail address and names.',
  access: { permission: 'iam.nodes:read' },
  params: z.strictObject({ id: nodeIds.schema }),
  query: z.strictObject({ ...pageFields, search: search.optional() }),
  answers: { 200: pageBody(membershipBody) },
  failures: ['node_not_found'],
  example: { params: { id: exampleNode.id }, answer: { data: [exampleMember], page: 1, pageSize: 50, total: 1 } },
  handle: async ({ call, params, query, answer }, { memberships }) =>
    answer(200, presentPage(await memberships.list(call, params.id, query), presentMember)),
});

export const addMember = operation({
  method: 'PUT',
  path: '/api/v1/nodes/:id/members/:userId',
  summary: 'Make a user a member of a node',
  description:
    'With exactly these roles there; none is a member too. A role at a node says nothing of the tenant as a whole. Nobody gives or takes a role that allows what they do not hold.',
  access: { permission: 'iam.nodes:write' },
  params: memberId,
  body: z.strictObject({ roles: roleNames }),
  answers: { 200: membershipBody },
  failures: [
    'node_not_found',
    'user_not_found',
    'role_not_found',
    'user_deactivated',
    'node_archived',
    'node_limit',
    'privilege_escalation',
  ],
  example: { params: exampleIds, body: { roles: ['nurse'] }, answer: exampleMember },
  handle: async ({ call, params, body, answer }, { memberships }) =>
    answer(200, presentMember(await memberships.set(call, params.id, params.userId, body.roles))),
});

export const removeMember = operation({
  method: 'DELETE',
  path: '/api/v1/nodes/:id/members/:userId',
  summary: 'Take a user out of a node',
  access: { permission: 'iam.nodes:write' },
  params: memberId,
  answers: { 204: null },
  failures: ['node_not_found', 'member_not_found', 'user_not_found', 'user_deactivated', 'privilege_escalation'],
  example: { params: exampleIds },
  async handle({ call, params, answer }, { memberships }) {
    await memberships.remove(call, params.id, params.userId);
    return answer(204, null);
  },
});
