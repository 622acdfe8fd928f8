import { z } from 'zod';
import { operation } from '../operation.ts';
import { clientId, exampleClient } from './client-body.ts';
import { exampleRole, presentRole, roleBody, roleNames } from './role-body.ts';

const one = z.strictObject({ id: clientId });
const exampleId = { id: exampleClient.id };
const answered = z.object({ data: z.array(roleBody) });

export const clientRoles = operation({
  method: 'GET',
  path: '/api/v1/clients/:id/roles',
  summary: 'See the roles of a client',
  description: 'What it may do by its own credentials (`client_credentials`).',
  access: { permission: 'iam.roles:read' },
  params: one,
  answers: { 200: answered },
  failures: ['client_not_found'],
  example: { params: exampleId, answer: { data: [exampleRole] } },
  handle: async ({ call, params, answer }, { access }) =>
    answer(200, { data: (await access.rolesOfClient(call, params.id)).map(presentRole) }),
});

export const setClientRoles = operation({
  method: 'PUT',
  path: '/api/v1/clients/:id/roles',
  summary: 'Say which roles a client has',
  description:
    'Exactly these, and it feels it at its next request. It must be one that acts for itself (`client_credentials`). Nobody gives or takes a role that allows what they do not hold; no client is an operator.',
  access: { permission: 'iam.roles:write' },
  params: one,
  body: z.strictObject({ roles: roleNames }),
  answers: { 200: answered },
  failures: ['client_not_found', 'role_not_found', 'client_invalid', 'privilege_escalation'],
  example: { params: exampleId, body: { roles: ['nurse'] }, answer: { data: [exampleRole] } },
  handle: async ({ call, params, body, answer }, { access }) =>
    answer(200, { data: (await access.setClientRoles(call, params.id, body.roles)).map(presentRole) }),
});
