import { type FactorId, isUuid, type NodeId, type SessionId, type TenantId, type UserId } from '../../kernel/ids.ts';
import type { User } from '../users/user.ts';
import { EVENTS, type EventName, type Shape, type Shapes } from './event.ts';

/** A line of the audit trail, as far as events are made from it. */
export type Happening = {
  tenantId: TenantId;
  action: string;
  target?: string | undefined;
  before?: object | undefined;
  after?: object | undefined;
  details?: Readonly<Record<string, unknown>> | undefined;
};

/** The event that an action of the audit trail is, for those that are told. */
export const ACTIONS: Readonly<Record<string, EventName>> = {
  'user.created': 'user.created',
  'user.updated': 'user.updated',
  'user.verified': 'user.updated',
  'user.email_changed': 'user.email_changed',
  'user.suspended': 'user.suspended',
  'user.reactivated': 'user.reactivated',
  'user.deactivated': 'user.deleted',
  'user.removed': 'user.deleted',
  'user.erased': 'user.deleted',
  'user.roles_changed': 'user.roles_changed',
  'terms.accepted': 'user.terms_accepted',
  'sign_in.succeeded': 'user.signed_in',
  'password.changed': 'password.changed',
  'user.password_set': 'password.changed',
  'password.reset': 'password.changed',
  'session.ended': 'session.ended',
  'factor.enrolled': 'factor.added',
  'factor.removed': 'factor.removed',
  'factor.copied': 'factor.copied',
  'grant.revoked': 'grant.revoked',
  'role.created': 'role.created',
  'role.updated': 'role.updated',
  'role.removed': 'role.deleted',
  'permission.created': 'permission.created',
  'permission.updated': 'permission.updated',
  'permission.removed': 'permission.deleted',
  'node.created': 'node.created',
  'node.updated': 'node.updated',
  'node.moved': 'node.updated',
  'node.removed': 'node.deleted',
  'node.member_added': 'member.added',
  'node.member_changed': 'member.roles_changed',
  'node.member_removed': 'member.removed',
  'client.created': 'client.created',
  'client.registered': 'client.created',
  'client.updated': 'client.updated',
  'client.registration_updated': 'client.updated',
  'client.enabled': 'client.enabled',
  'client.disabled': 'client.disabled',
  'client.removed': 'client.deleted',
  'client.credential_added': 'client.credentials_changed',
  'client.credential_rotated': 'client.credentials_changed',
  'client.credential_removed': 'client.credentials_changed',
  'client.roles_changed': 'client.roles_changed',
  'api.created': 'api.created',
  'api.updated': 'api.updated',
  'api.removed': 'api.deleted',
  'tenant.updated': 'tenant.updated',
  'tenant.settings_updated': 'tenant.updated',
  'tenant.suspended': 'tenant.suspended',
  'tenant.reactivated': 'tenant.reactivated',
  'tenant.restored': 'tenant.reactivated',
  'tenant.domain_added': 'domain.added',
  'tenant.domain_verified': 'domain.verified',
  'tenant.domain_removed': 'domain.removed',
  'signing_key.published': 'signing_key.published',
  'signing_key.activated': 'signing_key.activated',
  'signing_key.withdrawn': 'signing_key.withdrawn',
};

/** Undefined for what nobody is told. */
export const eventOf = ({ action }: Happening): EventName | undefined =>
  Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;

/** What is acted on, without the kind before it: `user:<id>` is the id. A member is `<id of the node>/<id of the user>`. */
export function subjectOf({ action, target = '', details }: Happening): string {
  const id = target.slice(target.indexOf(':') + 1);
  return action.startsWith('node.member_') ? `${id}/${textOf(details?.['userId'])}` : id;
}

/** The things that a tenant's events are about, as the running transaction sees them. */
export type Subjects = {
  users: ReadonlyMap<string, User>;
  roles: ReadonlyMap<string, Shapes['role']>;
  permissions: ReadonlyMap<string, Shapes['permission']>;
  nodes: ReadonlyMap<string, Omit<Shapes['node'], 'changed'>>;
  /** The names of the roles of each member. */
  members: ReadonlyMap<string, readonly string[]>;
  clients: ReadonlyMap<string, Omit<Shapes['client'], 'changed'>>;
  apis: ReadonlyMap<string, Shapes['api']>;
  tenant: Omit<Shapes['tenant'], 'changed'> | undefined;
};

/** Which of them an event needs. */
export const subjectKind = (name: EventName): keyof Subjects | undefined => NEEDS[EVENTS[name].shape];

const NEEDS: Partial<Record<Shape, keyof Subjects>> = {
  user: 'users',
  role: 'roles',
  permission: 'permissions',
  node: 'nodes',
  member: 'members',
  client: 'clients',
  api: 'apis',
  tenant: 'tenant',
};

type Told = { happening: Happening; subject: string; found: Subjects };

const idOf = <Id extends string>(value: unknown): Id | undefined =>
  typeof value === 'string' && isUuid(value) ? (value as Id) : undefined;
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
function changedOf({ before, after, details }: Happening): string[] | null {
  const names = before && after ? Object.keys({ ...before, ...after }) : details?.['changed'];
  return Array.isArray(names)
    ? textsOf(names)
        .filter((name) => !name.endsWith('Canonical'))
        .sort()
    : null;
}

/** What roles somebody was given, and which they lost. */
function rolesOf({ before, after, details }: Happening): { added: string[]; removed: string[] } {
  if (!before || !after) return { added: textsOf(details?.['added']), removed: textsOf(details?.['removed']) };
  const [had, has] = [before, after].map((state) => textsOf((state as { roles?: unknown }).roles)) as [
    string[],
    string[],
  ];
  return { added: has.filter((name) => !had.includes(name)), removed: had.filter((name) => !has.includes(name)) };
}

const BY: Readonly<Record<string, Shapes['password']['by']>> = {
  'user.password_set': 'administrator',
  'password.reset': 'recovery',
};

/** What each shape tells of a line of the audit trail; undefined where the thing is not there to be told of. */
export const COMPOSE: { [S in Shape]: (told: Told) => Shapes[S] | undefined } = {
  user({ happening, subject, found }) {
    const user = found.users.get(subject);
    return user && { user, changed: changedOf(happening) };
  },
  gone({ subject }) {
    const userId = idOf<UserId>(subject);
    return userId && { userId };
  },
  terms({ happening: { details }, subject }) {
    const userId = idOf<UserId>(subject);
    return userId && { userId, version: textOf(details?.['version']) };
  },
  roles({ happening, subject }) {
    const userId = idOf<UserId>(subject);
    return userId && { userId, ...rolesOf(happening) };
  },
  'sign-in'({ happening: { details }, subject }) {
    const userId = idOf<UserId>(subject);
    return userId && { userId, methods: textsOf(details?.['amr']) };
  },
  password({ happening: { action }, subject }) {
    const userId = idOf<UserId>(subject);
    return userId && { userId, by: BY[action] ?? 'user' };
  },
  session({ happening: { details }, subject }) {
    const [sessionId, userId] = [idOf<SessionId>(subject), idOf<UserId>(details?.['userId']) ?? null];
    return sessionId && { sessionId, userId, reason: textOf(details?.['reason']) };
  },
  grant({ happening: { details }, subject }) {
    const userId = idOf<UserId>(details?.['userId']);
    return userId && { userId, clientId: subject };
  },
  factor({ happening: { details }, subject }) {
    const [factorId, userId] = [idOf<FactorId>(details?.['factorId']), idOf<UserId>(subject)];
    // Only passkeys can be copied, and their line does not say that it is one.
    return factorId && userId && { factorId, userId, kind: textOf(details?.['kind']) || 'webauthn' };
  },
  'client-roles': ({ happening, subject }) => ({ clientId: subject, ...rolesOf(happening) }),
  role: ({ subject, found }) => found.roles.get(subject) ?? { name: subject, displayName: null, description: null },
  permission: ({ subject, found }) => found.permissions.get(subject) ?? { name: subject, description: null },
  node({ happening, subject, found }) {
    const nodeId = idOf<NodeId>(subject);
    const gone = { parentId: null, type: null, name: null, status: null };
    return nodeId && { ...(found.nodes.get(subject) ?? { nodeId, ...gone }), changed: changedOf(happening) };
  },
  member({ subject, found }) {
    const [node, user] = subject.split('/');
    const [nodeId, userId] = [idOf<NodeId>(node), idOf<UserId>(user)];
    return nodeId && userId && { nodeId, userId, roles: found.members.get(subject) ?? [] };
  },
  client({ happening, subject, found }) {
    const client = found.clients.get(subject) ?? { clientId: subject, kind: null, name: null, status: null };
    return { ...client, changed: changedOf(happening) };
  },
  api: ({ subject, found }) => found.apis.get(subject) ?? { identifier: subject, name: null },
  // Another one: the operators read of it in their own trail.
  tenant: ({ happening, subject, found }) =>
    found.tenant?.slug === subject ? { ...found.tenant, changed: changedOf(happening) } : undefined,
  domain: ({ happening: { details } }) => ({ domain: textOf(details?.['domain']) }),
  key: ({ happening: { details }, subject }) => ({
    kid: subject,
    alg: typeof details?.['alg'] === 'string' ? details['alg'] : null,
  }),
  test: () => undefined,
};

/** Whom an event is about, so that an erasure finds what was kept of it. */
export function userOf(data: Shapes[Shape]): UserId | null {
  if ('user' in data) return data.user.id;
  return 'userId' in data ? data.userId : null;
}
