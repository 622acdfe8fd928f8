import { z } from 'zod';
import { versionOfRole } from '../../domain/access/role.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { search } from './fields.ts';
import { roleIds } from './ids.ts';
import { description, exampleRole, permissionNames, presentRole, roleBody, roleText } from './role-body.ts';

const roleId = z.strictObject({ id: roleIds.schema });
const exampleId = { id: exampleRole.id };

export const roles = operation({
  method: 'GET',
  path: '/api/v1/roles',
  summary: 'List roles',
  description:
    'In pages by name: the system’s, which every tenant has, and the tenant’s own. `search` looks into name and displayed name.',
  access: { permission: 'iam.roles:read' },
  query: z.strictObject({ ...pageFields, category: roleText.optional(), search: search.optional() }),
  answers: { 200: pageBody(roleBody) },
  failures: [],
  example: { answer: { data: [exampleRole], page: 1, pageSize: 50, total: 1 } },
  handle: async ({ call, query, answer }, { access }) =>
    answer(200, presentPage(await access.list(call, query), presentRole)),
});

export const createRole = operation({
  method: 'POST',
  path: '/api/v1/roles',
  summary: 'Make a role',
  description:
    'Of permissions that you hold yourself, each by its exact name; an administrator of the tenant holds all that are not Gatehouse’s own. A permission that is named here for the first time is in the catalogue by that.',
  access: { permission: 'iam.roles:write' },
  body: z.strictObject({
    name: z.string().min(1).max(64),
    displayName: roleText,
    description: description.nullable().optional(),
    category: roleText.nullable().optional(),
    permissions: permissionNames.optional(),
  }),
  answers: { 201: roleBody },
  failures: ['role_taken', 'role_system', 'privilege_escalation'],
  idempotent: 'honoured',
  example: {
    body: { name: 'nurse', displayName: 'Nurse', category: 'care', permissions: ['ward.beds:read'] },
    answer: exampleRole,
  },
  async handle({ call, body, answer }, { access }) {
    const role = await access.createRole(call, body);
    return answer(201, presentRole(role), {
      version: versionOfRole(role),
      location: `/api/v1/roles/${roleIds.encode(role.id)}`,
    });
  },
});

export const getRole = operation({
  method: 'GET',
  path: '/api/v1/roles/:id',
  summary: 'See a role',
  access: { permission: 'iam.roles:read' },
  params: roleId,
  answers: { 200: roleBody },
  failures: ['role_not_found'],
  versioned: true,
  example: { params: exampleId, answer: exampleRole },
  async handle({ call, params, answer }, { access }) {
    const role = await access.get(call, params.id);
    return answer(200, presentRole(role), { version: versionOfRole(role) });
  },
});

export const updateRole = operation({
  method: 'PATCH',
  path: '/api/v1/roles/:id',
  summary: 'Change a role',
  description:
    'What is left out stays; null takes a value away. The name stays, for tokens carry it. Permissions that you add or take away must be yours. Whoever has the role feels it at the next request.',
  access: { permission: 'iam.roles:write' },
  params: roleId,
  body: z.strictObject({
    displayName: roleText.optional(),
    description: description.nullable().optional(),
    category: roleText.nullable().optional(),
    permissions: permissionNames.optional(),
  }),
  answers: { 200: roleBody },
  failures: ['role_not_found', 'role_system', 'privilege_escalation'],
  versioned: true,
  example: { params: exampleId, body: { permissions: ['ward.beds:read'] }, answer: exampleRole },
  async handle({ call, params, body, expected, answer }, { access }) {
    const role = await access.updateRole(call, params.id, body, expected);
    return answer(200, presentRole(role), { version: versionOfRole(role) });
  },
});

export const deleteRole = operation({
  method: 'DELETE',
  path: '/api/v1/roles/:id',
  summary: 'Remove a role',
  description: 'Whoever had it, in the tenant, at a node or as a machine, loses it. All that it allows must be yours.',
  access: { permission: 'iam.roles:write' },
  params: roleId,
  answers: { 204: null },
  failures: ['role_not_found', 'role_system', 'privilege_escalation'],
  versioned: true,
  example: { params: exampleId },
  async handle({ call, params, expected, answer }, { access }) {
    await access.removeRole(call, params.id, expected);
    return answer(204, null);
  },
});
