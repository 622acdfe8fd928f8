import type { EventId, FactorId, NodeId, SessionId, TenantId, UserId, WebhookId } from '../../kernel/ids.ts';
import type { User } from '../users/user.ts';

type Changed = { changed: readonly string[] | null };

/** What events tell, by their shape. Things are as they were when the change was made; one that is removed has its name. */
export type Shapes = {
  user: { user: User } & Changed;
  gone: { userId: UserId };
  terms: { userId: UserId; version: string };
  roles: { userId: UserId; added: readonly string[]; removed: readonly string[] };
  'sign-in': { userId: UserId; methods: readonly string[] };
  password: { userId: UserId; by: 'user' | 'administrator' | 'recovery' };
  session: { sessionId: SessionId; userId: UserId | null; reason: string };
  grant: { userId: UserId; clientId: string };
  factor: { factorId: FactorId; userId: UserId; kind: string };
  role: { name: string; displayName: string | null; description: string | null };
  permission: { name: string; description: string | null };
  node: {
    nodeId: NodeId;
    parentId: NodeId | null;
    type: string | null;
    name: string | null;
    status: string | null;
  } & Changed;
  member: { nodeId: NodeId; userId: UserId; roles: readonly string[] };
  'client-roles': { clientId: string; added: readonly string[]; removed: readonly string[] };
  client: { clientId: string; kind: string | null; name: string | null; status: string | null } & Changed;
  api: { identifier: string; name: string | null };
  tenant: { slug: string; name: string; status: string } & Changed;
  domain: { domain: string };
  key: { kid: string; alg: string | null };
  test: { webhookId: WebhookId };
};

export type Shape = keyof Shapes;

/** Every event that a tenant can be told of, with what has happened when it comes. */
export const EVENTS = {
  'user.created': { shape: 'user', summary: 'A user was made.' },
  'user.updated': { shape: 'user', summary: 'The profile of a user was changed, or an address was verified.' },
  'user.email_changed': { shape: 'user', summary: 'A user has another e-mail address.' },
  'user.suspended': { shape: 'user', summary: 'A user was barred from signing in; every session has ended.' },
  'user.reactivated': { shape: 'user', summary: 'A user may sign in again, or for the first time.' },
  'user.deleted': {
    shape: 'gone',
    summary: 'A user was removed for good, or never proved their address; told by id alone.',
  },
  'user.roles_changed': { shape: 'roles', summary: 'A user was given roles, or lost some.' },
  'user.terms_accepted': { shape: 'terms', summary: 'A user accepted the terms of the tenant.' },
  'user.signed_in': { shape: 'sign-in', summary: 'Somebody has signed in.' },
  'password.changed': { shape: 'password', summary: 'A user has another password.' },
  'session.ended': { shape: 'session', summary: 'A session has ended; `reason` says how.' },
  'factor.added': { shape: 'factor', summary: 'A user has a new second factor.' },
  'factor.removed': { shape: 'factor', summary: 'A user has a second factor less.' },
  'factor.copied': {
    shape: 'factor',
    summary: 'A passkey was refused: its counter went back, so it may have been copied.',
  },
  'grant.revoked': { shape: 'grant', summary: 'A user took back what an application was allowed.' },
  'role.created': { shape: 'role', summary: 'A role was made.' },
  'role.updated': { shape: 'role', summary: 'A role allows something else, or is shown otherwise.' },
  'role.deleted': { shape: 'role', summary: 'A role was removed; those who had it lost it.' },
  'permission.created': { shape: 'permission', summary: 'A permission was written down.' },
  'permission.updated': { shape: 'permission', summary: 'A permission has another description.' },
  'permission.deleted': { shape: 'permission', summary: 'A permission was removed; no role had it.' },
  'node.created': { shape: 'node', summary: 'The organisation tree has a new node.' },
  'node.updated': { shape: 'node', summary: 'A node was changed, moved, archived or brought back.' },
  'node.deleted': { shape: 'node', summary: 'A node was removed with all below it; nobody belongs to it any more.' },
  'member.added': { shape: 'member', summary: 'A user belongs to a node; `roles` is what they have there.' },
  'member.roles_changed': { shape: 'member', summary: 'A member of a node has other roles there.' },
  'member.removed': { shape: 'member', summary: 'A user belongs to a node no more.' },
  'client.created': { shape: 'client', summary: 'A client was made, or has registered itself.' },
  'client.updated': { shape: 'client', summary: 'A client was changed.' },
  'client.enabled': { shape: 'client', summary: 'A disabled client was let in again.' },
  'client.disabled': { shape: 'client', summary: 'A client was shut out; all it was given has ended.' },
  'client.deleted': { shape: 'client', summary: 'A client was removed.' },
  'client.credentials_changed': { shape: 'client', summary: 'A secret of a client was added, replaced or removed.' },
  'client.roles_changed': { shape: 'client-roles', summary: 'A client was given roles of its own, or lost some.' },
  'api.created': { shape: 'api', summary: 'An API was registered.' },
  'api.updated': { shape: 'api', summary: 'An API was changed.' },
  'api.deleted': { shape: 'api', summary: 'An API was removed.' },
  'tenant.updated': { shape: 'tenant', summary: 'The tenant has another name or country, or other settings.' },
  'tenant.suspended': { shape: 'tenant', summary: 'The tenant was suspended: nobody can sign in.' },
  'tenant.reactivated': { shape: 'tenant', summary: 'The suspended tenant is open again.' },
  'domain.added': { shape: 'domain', summary: 'The tenant claims a domain.' },
  'domain.verified': { shape: 'domain', summary: 'A domain is proven to be the tenant’s.' },
  'domain.removed': { shape: 'domain', summary: 'The tenant gave a domain up.' },
  'signing_key.published': { shape: 'key', summary: 'The next signing key is published; it does not sign yet.' },
  'signing_key.activated': { shape: 'key', summary: 'A key has begun to sign.' },
  'signing_key.withdrawn': { shape: 'key', summary: 'A key was withdrawn: what it signed is no longer good.' },
  'webhook.test': { shape: 'test', summary: 'Sent on demand, to the receiver that is tested alone.' },
} as const satisfies Record<string, { shape: Shape; summary: string }>;

export type EventName = keyof typeof EVENTS;
export type DataOf<Name extends EventName> = Shapes[(typeof EVENTS)[Name]['shape']];

/** Who did it; without an id where that is nobody of this tenant. */
export type EventActor = { type: 'user' | 'client' | 'api-key' | 'system' | 'anonymous'; id: string | null };

/** One event of a tenant, before it is written down. `id` is the same for all receivers and at each attempt. */
export type TenantEvent<Name extends EventName = EventName> = {
  [Each in Name]: {
    id: EventId;
    name: Each;
    tenantId: TenantId;
    at: Date;
    actor: EventActor;
    data: DataOf<Each>;
  };
}[Name];

/** How receivers read events. The face that documents them says so, for it knows how ids are written there. */
export type EventFace = {
  /** The body of a message. `bare`: without the data, for one that would be too large. */
  write(event: TenantEvent, options?: { bare: boolean }): string;
  /** The `webhook-id` of a message. */
  idOf(id: EventId): string;
};

const NAMES = Object.keys(EVENTS) as EventName[];

/** Whether a pattern means an event: its name, `user.*` for all of an area, `*` for every event. */
export function meansEvent(pattern: string, name: string): boolean {
  if (pattern === '*' || pattern === name) return true;
  return pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -1));
}

/** Whether a pattern can mean anything. What is sent on demand alone needs no pattern. */
export const isEventPattern = (pattern: string): boolean =>
  NAMES.some((name) => name !== 'webhook.test' && meansEvent(pattern, name));
