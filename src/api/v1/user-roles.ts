import { z } from 'zod';
import { operation } from '../operation.ts';
import { userIds } from './ids.ts';
import { exampleRole, presentRole, roleBody, roleNames } from './role-body.ts';
import { exampleUser } from './user-body.ts';

const userId = z.strictObject({ id: userIds.schema });
const exampleId = { id: exampleUser.id };
const answered = z.object({ data: z.array(roleBody) });

export const userRoles = operation({
  method: 'GET',
  path: '/api/v1/users/:id/roles',
  summary: 'See the roles of a user',
  description: 'In the tenant as a whole; what they may do at a node stands with its members.',
  access: { permission: 'iam.roles:read' },
  params: userId,
  answers: { 200: answered },
  failures: ['user_not_found'],
  example: { params: exampleId, answer: { data: [exampleRole] } },
  handle: async ({ call, params, answer }, { access }) =>
    answer(200, { data: (await access.rolesOf(call, params.id)).map(presentRole) }),
});

export const setUserRoles = operation({
  method: 'PUT',
  path: '/api/v1/users/:id/roles',
  summary: 'Say which roles a user has',
  description:
    'Exactly these, in the tenant as a whole. Nobody gives or takes a role that allows what they do not hold; the last administrator stays.',
  access: { permission: 'iam.roles:write' },
  params: userId,
  body: z.strictObject({ roles: roleNames }),
  answers: { 200: answered },
  failures: ['user_not_found', 'role_not_found', 'user_deactivated', 'privilege_escalation', 'last_admin'],
  example: { params: exampleId, body: { roles: ['nurse'] }, answer: { data: [exampleRole] } },
  handle: async ({ call, params, body, answer }, { access }) =>
    answer(200, { data: (await access.setUserRoles(call, params.id, body.roles)).map(presentRole) }),
});
