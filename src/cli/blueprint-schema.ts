import { z } from 'zod';
import type { Blueprint, NodeBlueprint } from '../domain/blueprint/blueprint.ts';
import { NODE_TYPES } from '../domain/nodes/node.ts';
import { LIMITS } from '../kernel/limits.ts';
import { client } from './blueprint-clients.ts';
import { alg, roleNames, text, url } from './blueprint-fields.ts';
import { settings } from './settings-schema.ts';

const api = z.strictObject({
  identifier: url.describe(
    'What clients name in `resource` and the API finds in `aud`: an absolute URI without a fragment (RFC 8707).',
  ),
  name: text(LIMITS.nameChars).optional(),
  scopes: z.array(text(128)).max(LIMITS.apiScopes).optional(),
  accessTokenFormat: z.enum(['jwt', 'opaque']).optional().describe('jwt unless told.'),
  signingAlg: alg.optional(),
  accessTokenSeconds: z.int().min(60).max(86_400).optional().describe('900 unless told.'),
});

const permission = z.strictObject({
  name: text(LIMITS.permissionChars).describe('area.thing:verb, outside of iam.'),
  description: text(LIMITS.descriptionChars).optional(),
});

const role = z.strictObject({
  name: text(64),
  displayName: text(LIMITS.nameChars).optional(),
  description: text(LIMITS.descriptionChars).optional(),
  category: text(LIMITS.nameChars).optional(),
  permissions: z
    .array(text(LIMITS.permissionChars))
    .max(LIMITS.rolePermissions)
    .optional()
    .describe('area.thing:verb; what is named here need not stand among the permissions.'),
});

const member = z.strictObject({
  user: text(LIMITS.identifierChars).describe('The e-mail address of a user.'),
  roles: roleNames.optional().describe('All roles of the user at that node.'),
});

const node: z.ZodType<NodeBlueprint> = z
  .strictObject({
    name: text(LIMITS.nameChars),
    type: z.enum(NODE_TYPES),
    id: z.uuid().optional().describe('Counts only when the node is made.'),
    legalName: text(LIMITS.nameChars).optional(),
    country: text(2).optional().describe('ISO 3166-1 alpha-2'),
    status: z.enum(['active', 'archived']).optional(),
    members: z.array(member).optional(),
    get nodes() {
      return z.array(node).max(LIMITS.nodeChildren).optional();
    },
  })
  .meta({ id: 'node' });

const passwordHash = z.union([
  text(LIMITS.storedHashChars),
  z.strictObject({
    hash: text(LIMITS.storedHashChars),
    pepper: text(16).optional(),
    form: z.literal('NFC').optional(),
  }),
]);

const user = z
  .strictObject({
    email: text(320),
    id: z.uuid().optional().describe('The subject in tokens; counts only when the user is made.'),
    emailVerified: z.boolean().optional(),
    username: text(LIMITS.usernameChars).optional(),
    phone: text(16).optional().describe('E.164'),
    phoneVerified: z.boolean().optional(),
    firstName: text(LIMITS.nameChars).optional(),
    lastName: text(LIMITS.nameChars).optional(),
    locale: text(35).optional(),
    timezone: text(64).optional(),
    status: z.enum(['pending', 'active', 'suspended']).optional(),
    password: text(LIMITS.passwordMaxChars * 2)
      .optional()
      .describe('Set when the user is made, and whenever it is not the password of the user.'),
    passwordHash: passwordHash
      .optional()
      .describe('argon2, bcrypt, scrypt, PBKDF2, phpass, SHA-crypt or {SSHA}; set when the user has no password.'),
    mustChangePassword: z.boolean().optional(),
    roles: roleNames.optional().describe('All roles of the user.'),
  })
  .refine(({ password, passwordHash: hash }) => password === undefined || hash === undefined, {
    error: 'has both password and passwordHash',
  });

const webhook = z.strictObject({
  url: text(LIMITS.egressUrlChars).describe('https, and public unless the operator allows more.'),
  description: text(LIMITS.descriptionChars).optional(),
  events: z.array(text(64)).min(1).max(LIMITS.webhookEvents).describe('Names of events, user.* for an area, or *.'),
  status: z.enum(['active', 'disabled']).optional(),
  secret: text(96)
    .optional()
    .describe('whsec_ and 24 to 64 bytes in base64; the only secret from then on. Left out, one is made.'),
});

const tenant = z.strictObject({
  slug: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits and inner hyphens'),
  name: text(LIMITS.nameChars).optional(),
  type: z.enum(['platform', 'customer', 'partner', 'internal']).optional().describe('customer unless told.'),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'must be two capital letters')
    .optional()
    .describe('ISO 3166-1 alpha-2'),
  status: z.enum(['active', 'suspended']).optional(),
  config: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Kept for the applications of the tenant, as a whole; 16 KiB and six levels at most.'),
  settings: settings.optional(),
  domains: z
    .array(
      z.union([
        text(LIMITS.domainChars),
        z.strictObject({ domain: text(LIMITS.domainChars), verified: z.boolean().optional() }),
      ]),
    )
    .max(LIMITS.tenantDomains)
    .optional(),
  apis: z.array(api).optional(),
  permissions: z.array(permission).optional(),
  roles: z.array(role).optional(),
  users: z.array(user).optional(),
  nodes: z.array(node).max(LIMITS.nodeChildren).optional().describe('The organisation tree below the tenant.'),
  members: z.array(member).optional().describe('Who belongs to the tenant as a node of its tree.'),
  clients: z.array(client).optional(),
  webhooks: z.array(webhook).max(LIMITS.webhooks).optional(),
});

/** What a file of tenants looks like. The domain decides what the values mean; here stands which there are. */
export const BLUEPRINT_SCHEMA = z.strictObject({ tenants: z.array(tenant) }) satisfies z.ZodType<Blueprint>;

/** The same for editors (`docs/blueprint.schema.json`). */
export function blueprintJsonSchema(): object {
  return {
    ...z.toJSONSchema(BLUEPRINT_SCHEMA, { io: 'input' }),
    title: 'Gatehouse tenants',
    description: 'What `gatehouse apply` makes of a house. docs/tenants-as-code.md explains it.',
  };
}
