import { z } from 'zod';
import {
  EVENTS,
  type EventActor,
  type EventFace,
  type EventName,
  type Shape,
  type Shapes,
  type TenantEvent,
} from '../../domain/webhooks/event.ts';
import type { ApiKeyId, TenantId, UserId } from '../../kernel/ids.ts';
import type { Message } from '../contract.ts';
import { time } from './fields.ts';
import { apiKeyIds, eventIds, factorIds, nodeIds, sessionIds, tenantIds, userIds, webhookIds } from './ids.ts';
import { exampleNode } from './node-body.ts';
import { exampleUser, presentUser, userBody } from './user-body.ts';

const text = z.string();
const changed = z.array(text).nullable().describe('Names of what is different; null where nothing is.');

/** What the data of an event is, by its shape. */
const DATA = {
  user: z.object({ user: userBody, changed }),
  gone: z.object({ userId: userIds.text }),
  terms: z.object({ userId: userIds.text, version: text }),
  roles: z.object({ userId: userIds.text, added: z.array(text), removed: z.array(text) }),
  'sign-in': z.object({
    userId: userIds.text,
    methods: z.array(text).describe('Authentication methods (RFC 8176); none where it was one factor.'),
  }),
  password: z.object({ userId: userIds.text, by: z.enum(['user', 'administrator', 'recovery']) }),
  session: z.object({ sessionId: sessionIds.text, userId: userIds.text.nullable(), reason: text }),
  grant: z.object({ userId: userIds.text, clientId: text }),
  factor: z.object({ factorId: factorIds.text, userId: userIds.text, kind: text }),
  role: z.object({ name: text, displayName: text.nullable(), description: text.nullable() }),
  permission: z.object({ name: text, description: text.nullable() }),
  node: z.object({
    nodeId: nodeIds.text,
    parentId: nodeIds.text.nullable(),
    type: text.nullable(),
    name: text.nullable(),
    status: text.nullable(),
    changed,
  }),
  member: z.object({ nodeId: nodeIds.text, userId: userIds.text, roles: z.array(text) }),
  'client-roles': z.object({ clientId: text, added: z.array(text), removed: z.array(text) }),
  client: z.object({
    clientId: text,
    kind: text.nullable(),
    name: text.nullable(),
    status: text.nullable(),
    changed,
  }),
  api: z.object({ identifier: text, name: text.nullable() }),
  tenant: z.object({ slug: text, name: text, status: text, changed }),
  domain: z.object({ domain: text }),
  key: z.object({ kid: text, alg: text.nullable() }),
  test: z.object({ webhookId: webhookIds.text }),
} satisfies Record<Shape, z.ZodType>;

type Data = { [S in Shape]: z.input<(typeof DATA)[S]> };

const PRESENT: { [S in Shape]: (data: Shapes[S], tenantId: TenantId) => Data[S] } = {
  user: ({ user, changed: names }, tenantId) => ({ user: presentUser(tenantId, user), changed: listOf(names) }),
  gone: ({ userId }) => ({ userId: userIds.encode(userId) }),
  terms: ({ userId, version }) => ({ userId: userIds.encode(userId), version }),
  roles: ({ userId, added, removed }) => ({ userId: userIds.encode(userId), added: [...added], removed: [...removed] }),
  'sign-in': ({ userId, methods }) => ({ userId: userIds.encode(userId), methods: [...methods] }),
  password: ({ userId, by }) => ({ userId: userIds.encode(userId), by }),
  session: ({ sessionId, userId, reason }) => ({
    sessionId: sessionIds.encode(sessionId),
    userId: userId && userIds.encode(userId),
    reason,
  }),
  grant: ({ userId, clientId }) => ({ userId: userIds.encode(userId), clientId }),
  factor: ({ factorId, userId, kind }) => ({
    factorId: factorIds.encode(factorId),
    userId: userIds.encode(userId),
    kind,
  }),
  role: (role) => role,
  permission: (permission) => permission,
  node: ({ nodeId, parentId, changed: names, ...node }) => ({
    nodeId: nodeIds.encode(nodeId),
    parentId: parentId && nodeIds.encode(parentId),
    ...node,
    changed: listOf(names),
  }),
  member: ({ nodeId, userId, roles }) => ({
    nodeId: nodeIds.encode(nodeId),
    userId: userIds.encode(userId),
    roles: [...roles],
  }),
  'client-roles': ({ clientId, added, removed }) => ({ clientId, added: [...added], removed: [...removed] }),
  client: ({ changed: names, ...client }) => ({ ...client, changed: listOf(names) }),
  api: (api) => api,
  tenant: ({ changed: names, ...tenant }) => ({ ...tenant, changed: listOf(names) }),
  domain: (domain) => domain,
  key: (key) => key,
  test: ({ webhookId }) => ({ webhookId: webhookIds.encode(webhookId) }),
};

const listOf = (names: readonly string[] | null) => names && [...names];

const exampleRole = { name: 'nurse', displayName: 'Nurse', description: null };
const exampleIds = {
  session: 'ses_01HZX3F5T8Q2M4N6P7R9S0V1W4',
  factor: 'fac_01HZX3F5T8Q2M4N6P7R9S0V1W6',
  webhook: 'whk_01HZX3F5T8Q2M4N6P7R9S0V1W7',
};

const EXAMPLES: Data = {
  user: { user: exampleUser, changed: null },
  gone: { userId: exampleUser.id },
  terms: { userId: exampleUser.id, version: '2026-01' },
  roles: { userId: exampleUser.id, added: ['nurse'], removed: [] },
  'sign-in': { userId: exampleUser.id, methods: ['pwd', 'otp', 'mfa'] },
  password: { userId: exampleUser.id, by: 'user' },
  session: { sessionId: exampleIds.session, userId: exampleUser.id, reason: 'revoked' },
  grant: { userId: exampleUser.id, clientId: 'web' },
  factor: { factorId: exampleIds.factor, userId: exampleUser.id, kind: 'totp' },
  role: exampleRole,
  permission: { name: 'ward.beds:read', description: 'See the beds of a ward.' },
  node: {
    nodeId: exampleNode.id,
    parentId: exampleNode.parentId,
    type: exampleNode.type,
    name: exampleNode.name,
    status: exampleNode.status,
    changed: null,
  },
  member: { nodeId: exampleNode.id, userId: exampleUser.id, roles: ['nurse'] },
  'client-roles': { clientId: 'ledger', added: ['bookkeeper'], removed: [] },
  client: { clientId: 'web', kind: 'web', name: 'Acme Ward', status: 'active', changed: null },
  api: { identifier: 'https://api.acme.example', name: 'Ward' },
  tenant: { slug: 'acme', name: 'Acme', status: 'active', changed: ['name'] },
  domain: { domain: 'login.acme.example' },
  key: { kid: 'pHq3xk1fQmW0cT8z', alg: 'RS256' },
  test: { webhookId: exampleIds.webhook },
};

const actor = z
  .object({ type: z.enum(['user', 'client', 'api-key', 'system', 'anonymous']), id: text.nullable() })
  .describe('Who did it. No id where that is nobody of this tenant.');

const presentActor = ({ type, id }: EventActor): EventActor => {
  if (id === null) return { type, id };
  if (type === 'user') return { type, id: userIds.encode(id as UserId) };
  return { type, id: type === 'api-key' ? apiKeyIds.encode(id as ApiKeyId) : id };
};

const envelopeOf = (name: EventName) =>
  z.object({
    id: eventIds.text,
    type: z.literal(name),
    timestamp: time,
    tenantId: tenantIds.text,
    actor,
    data: DATA[EVENTS[name].shape].nullable(),
  });

/** Every event there is as receivers read it, in the order of the catalogue. */
export const DESCRIBED_EVENTS: readonly (Message & { name: EventName })[] = (Object.keys(EVENTS) as EventName[]).map(
  (name) => ({
    name,
    summary: EVENTS[name].summary,
    schema: envelopeOf(name),
    example: {
      id: 'evt_01HZX3F5T8Q2M4N6P7R9S0V1W8',
      type: name,
      timestamp: '2026-01-02T09:30:00.000Z',
      tenantId: exampleUser.tenantId,
      actor: { type: 'user', id: exampleUser.id },
      data: EXAMPLES[EVENTS[name].shape],
    },
  }),
);

const SCHEMAS = new Map(DESCRIBED_EVENTS.map(({ name, schema }) => [name, schema]));

function dataOf({ name, data, tenantId }: TenantEvent): Data[Shape] {
  const { shape } = EVENTS[name];
  return (PRESENT[shape] as (data: Shapes[Shape], tenantId: TenantId) => Data[Shape])(data, tenantId);
}

/** Writes events as this contract writes everything else. */
export const eventFace: EventFace = {
  write(event, { bare } = { bare: false }) {
    const { id, name, at, tenantId, actor: who } = event;
    const body = {
      id: eventIds.encode(id),
      type: name,
      timestamp: at.toISOString(),
      tenantId: tenantIds.encode(tenantId),
      actor: presentActor(who),
      data: bare ? null : dataOf(event),
    };
    // Parsed, as every answer is: what the schema does not name never leaves.
    return JSON.stringify(SCHEMAS.get(name)!.parse(body));
  },
  idOf: (id) => eventIds.encode(id),
};
