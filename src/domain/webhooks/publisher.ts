import { batchesOf } from '../../kernel/batches.ts';
import { type Actor, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import {
  type ApiKeyId,
  type EventId,
  isUuid,
  newId,
  type TenantId,
  type UserId,
  type WebhookDeliveryId,
  type WebhookId,
} from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { seal, unseal } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { User } from '../users/user.ts';
import type { UserService } from '../users/user-service.ts';
import {
  type DataOf,
  EVENTS,
  type EventActor,
  type EventFace,
  type EventName,
  meansEvent,
  type TenantEvent,
} from './event.ts';
import { COMPOSE, eventOf, type Happening, subjectKind, subjectOf, userOf } from './event-source.ts';
import { createInterest } from './interest.ts';
import * as messages from './message-store.ts';
import { findSubjects, isOwnActor, type Wanted } from './subject-store.ts';
import * as store from './webhook-store.ts';

export type PublisherDeps = {
  keys: Pick<TenantKeyService, 'keyFor'>;
  face: EventFace;
  /** The room of the users, which is built after the audit trail, and so after this. */
  users: () => Pick<UserService, 'findMany'>;
};

/** Rows of the outbox that share their receiver with nobody. */
const NO_LANE = '00000000-0000-0000-0000-000000000000';

/** A row of the outbox of kind `webhook-event`, written by a trigger: a line of the audit trail and who left it. */
export type OwedEvent = { id: string; payload: Record<string, unknown> };
type Line = Omit<Happening, 'tenantId'>;

type Told = { happening: Happening; name: EventName };
type Receiver = { id: WebhookId; events: readonly string[] };

/**
 * Makes events of what the audit trail is told, in the transaction of the change: a change that is rolled back tells
 * nobody, and one that is kept tells everybody who wants to hear. Where nobody does, it costs a look into memory.
 */
export function createPublisher({ keys, face, users }: PublisherDeps) {
  const interest = createInterest();
  const place = (tenantId: TenantId, id: EventId) => `${tenantId}/webhook_messages/sealed/${id}`;

  /** Keeps events for the receivers that are named with them. */
  async function keep(
    tx: TenantCall,
    events: readonly { event: TenantEvent; receivers: readonly WebhookId[] }[],
  ): Promise<WebhookDeliveryId[]> {
    const key = await keys.keyFor(tx, 'seal');
    const made: WebhookDeliveryId[] = [];
    for (const batch of batchesOf(events, LIMITS.batchRows)) {
      const deliveries = batch.flatMap(({ event, receivers }) =>
        receivers.map((webhookId) => ({
          id: newId<WebhookDeliveryId>(),
          webhookId,
          messageId: event.id,
          outboxId: newId<string>(),
          // Whoever tests a receiver waits for the answer, though others wait behind its failures.
          lane: event.name === 'webhook.test' ? NO_LANE : webhookId,
        })),
      );
      const written = batch.map(({ event }) => ({
        id: event.id,
        event: event.name,
        sealed: seal(key, place(tx.tenantId, event.id), bodyOf(event)),
        userId: userOf(event.data),
      }));
      await messages.insert(tx, written, deliveries);
      made.push(...deliveries.map(({ id }) => id));
    }
    return made;
  }

  /** What is too large to be sent is told without its data: a change is not refused because of who hears of it. */
  function bodyOf(event: TenantEvent): Buffer {
    const body = Buffer.from(face.write(event));
    return body.length <= LIMITS.webhookPayloadBytes ? body : Buffer.from(face.write(event, { bare: true }));
  }

  async function publishIn(tx: TenantCall, told: readonly Told[]): Promise<void> {
    const receivers = await store.receiversOf(tx);
    const wanted = told.filter(({ name }) => receivers.some(({ events }) => wants(events, name)));
    if (wanted.length === 0) return;
    const found = { users: await usersOf(tx, wanted), ...(await findSubjects(tx, subjectsOf(wanted))) };
    const actor = await actorOf(tx);
    const events = wanted.flatMap(({ happening, name }) => {
      const data = COMPOSE[EVENTS[name].shape]({ happening, subject: subjectOf(happening), found });
      if (data === undefined) return [];
      const event = eventIn(tx, name, data as DataOf<EventName>, actor);
      return [{ event, receivers: namesOf(receivers, name) }];
    });
    await keep(tx, events);
  }

  async function usersOf(tx: TenantCall, told: readonly Told[]): Promise<Map<string, User>> {
    const ids = subjects(told, 'users').filter(isUuid) as UserId[];
    const found = ids.length === 0 ? [] : await users().findMany(tx, ids);
    return new Map(found.map((user) => [user.id, user]));
  }

  /** Takes lines of the audit trail of any tenants, in the transaction that writes them. */
  async function tell(tx: OperatorCall, happenings: readonly Happening[]): Promise<void> {
    const told = happenings.flatMap((happening): Told[] => {
      const name = eventOf(happening);
      return name ? [{ happening, name }] : [];
    });
    if (told.length === 0) return;
    const byTenant = Map.groupBy(told, ({ happening }) => happening.tenantId);
    const isWanted = await interest.of(tx, [...byTenant.keys()]);
    for (const [tenantId, all] of byTenant) {
      const some = all.filter(({ name }) => isWanted(tenantId, name));
      if (some.length > 0) await publishIn({ ...tx, tenantId }, some);
    }
  }

  return {
    tell,

    /** Whether somebody may want to hear of it, as far as this node knows without asking: a line that needs no transaction. */
    mayBeWanted(happening: Happening): boolean {
      const name = eventOf(happening);
      return name !== undefined && interest.mayBe(happening.tenantId, name);
    },

    /** Tells an event that the database has written down by itself; once, however often it is called. */
    tellOwed: (call: TenantCall, { id, payload }: OwedEvent): Promise<void> =>
      inTransaction({ ...call, now: new Date(payload['at'] as string), actor: actorOfLine(payload) }, async (tx) => {
        if (await messages.takeOwed(tx, id)) await tell(tx, [{ ...(payload as Line), tenantId: tx.tenantId }]);
      }),

    /** Sends `webhook.test` to one receiver, whatever it wants to hear. */
    async sendTest(tx: TenantCall, webhookId: WebhookId): Promise<WebhookDeliveryId> {
      const event = eventIn(tx, 'webhook.test', { webhookId }, await actorOf(tx));
      const [delivery] = await keep(tx, [{ event, receivers: [webhookId] }]);
      return delivery!;
    },

    /** The bytes of a message as they are signed and sent. Throws for a row that was not sealed here, or moved. */
    async open(call: TenantCall, { id, sealed }: { id: EventId; sealed: Buffer }): Promise<string> {
      return unseal(await keys.keyFor(call, 'seal'), place(call.tenantId, id), sealed).toString();
    },

    /** The `webhook-id` of a message. */
    idOf: face.idOf,

    interest,
  };
}

export type Publisher = ReturnType<typeof createPublisher>;

const wants = (patterns: readonly string[], name: EventName): boolean =>
  patterns.some((pattern) => meansEvent(pattern, name));

const namesOf = (receivers: readonly Receiver[], name: EventName): WebhookId[] =>
  receivers.filter(({ events }) => wants(events, name)).map(({ id }) => id);

const eventIn = <Name extends EventName>(
  { tenantId, now }: TenantCall,
  name: Name,
  data: DataOf<Name>,
  actor: EventActor,
): TenantEvent => ({ id: newId<EventId>(), name, tenantId, at: now, actor, data }) as TenantEvent;

/** Which things of a kind the events are about. */
const subjects = (told: readonly Told[], kind: ReturnType<typeof subjectKind>): string[] => [
  ...new Set(told.filter(({ name }) => subjectKind(name) === kind).map(({ happening }) => subjectOf(happening))),
];

const subjectsOf = (told: readonly Told[]): Wanted => ({
  roles: new Set(subjects(told, 'roles')),
  permissions: new Set(subjects(told, 'permissions')),
  nodes: new Set(subjects(told, 'nodes')),
  members: new Set(subjects(told, 'members')),
  clients: new Set(subjects(told, 'clients')),
  apis: new Set(subjects(told, 'apis')),
  tenant: subjects(told, 'tenant').length > 0,
});

async function actorOf(tx: TenantCall): Promise<EventActor> {
  const actor = namedActor(tx.actor);
  return actor.id === null || (await isOwnActor(tx, actor)) ? actor : { ...actor, id: null };
}

function namedActor(actor: Actor): EventActor {
  if (actor.kind === 'user') return { type: 'user', id: actor.userId };
  if (actor.kind === 'client') return { type: 'client', id: actor.clientId };
  if (actor.kind === 'api-key') return { type: 'api-key', id: actor.keyId };
  return { type: actor.kind, id: null };
}

/** Who left a line; only the name of such an actor is looked at here. */
function actorOfLine({ actorKind, actorId }: Record<string, unknown>): Actor {
  const id = typeof actorId === 'string' ? actorId : '';
  if (actorKind === 'user' && isUuid(id))
    return { kind: 'user', userId: id as UserId, sessionUid: '', roles: [], permissions: [] };
  if (actorKind === 'client') return { kind: 'client', clientId: id, permissions: [] };
  if (actorKind === 'api-key' && isUuid(id))
    return { kind: 'api-key', keyId: id as ApiKeyId, owner: null, permissions: [] };
  return actorKind === 'anonymous' ? { kind: 'anonymous' } : { kind: 'system', name: id };
}
