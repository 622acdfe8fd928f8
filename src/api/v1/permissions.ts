import { z } from 'zod';
import { LIMITS } from '../../kernel/limits.ts';
import { operation } from '../operation.ts';
import { pageBody, pageFields, presentPage } from '../schemas.ts';
import { search } from './fields.ts';
import { permissionIds } from './ids.ts';
import { description, examplePermission, permissionBody, presentPermission } from './role-body.ts';

export const permissions = operation({
  method: 'GET',
  path: '/api/v1/permissions',
  summary: 'List permissions',
  description:
    'In pages by name: first those of Gatehouse itself (`iam.…`), which are the same everywhere, then the tenant’s own. `search` looks into name and description.',
  access: { permission: 'iam.roles:read' },
  query: z.strictObject({ ...pageFields, search: search.optional() }),
  answers: { 200: pageBody(permissionBody) },
  failures: [],
  example: { answer: { data: [examplePermission], page: 1, pageSize: 50, total: 1 } },
  handle: async ({ call, query, answer }, { access }) =>
    answer(200, presentPage(await access.listPermissions(call, query), presentPermission)),
});

export const createPermission = operation({
  method: 'POST',
  path: '/api/v1/permissions',
  summary: 'Write down a permission of your own',
  description: '`area.thing:verb` in lower case, outside of `iam.`. Nobody holds it by that; roles that name it do.',
  access: { permission: 'iam.roles:write' },
  body: z.strictObject({
    name: z.string().min(1).max(LIMITS.permissionChars),
    description: description.nullable().optional(),
  }),
  answers: { 201: permissionBody },
  failures: ['permission_taken', 'permission_system'],
  idempotent: 'honoured',
  example: { body: { name: 'ward.beds:read', description: 'See the beds of a ward.' }, answer: examplePermission },
  handle: async ({ call, body, answer }, { access }) =>
    answer(201, presentPermission(await access.createPermission(call, body))),
});

export const deletePermission = operation({
  method: 'DELETE',
  path: '/api/v1/permissions/:id',
  summary: 'Remove a permission of your own',
  description: 'Is refused while roles have it (409 with their names): rights are taken by changing the role.',
  access: { permission: 'iam.roles:write' },
  params: z.strictObject({ id: permissionIds.schema }),
  answers: { 204: null },
  failures: ['permission_not_found', 'permission_system', 'permission_in_use'],
  example: { params: { id: examplePermission.id } },
  async handle({ call, params, answer }, { access }) {
    await access.removePermission(call, params.id);
    return answer(204, null);
  },
});
