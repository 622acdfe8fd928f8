import type { TenantCall } from '../../kernel/call.ts';
import type { EventId, UserId, WebhookDeliveryId, WebhookId } from '../../kernel/ids.ts';

export type NewMessage = { id: EventId; event: string; sealed: Buffer; userId: UserId | null };
export type NewDelivery = {
  id: WebhookDeliveryId;
  webhookId: WebhookId;
  messageId: EventId;
  outboxId: string;
  /** The lane of the row that carries it: its receiver's, or none, for what is not to wait behind others. */
  lane: string;
};

/**
 * Messages, their deliveries, and the rows of the outbox that carry them, in the caller's transaction and one statement.
 * When it commits, the workers hear of it at once.
 */
export async function insert(
  { db, tenantId, now }: TenantCall,
  messages: readonly NewMessage[],
  deliveries: readonly NewDelivery[],
): Promise<void> {
  const column = <Item, Key extends keyof Item>(items: readonly Item[], key: Key) => items.map((item) => item[key]);
  await db.raw(
    `with messages as (
       insert into webhook_messages (tenant_id, id, event, sealed, user_id, created_at)
       select :tenantId, m.id, m.event, m.sealed, m.user_id, :now
         from unnest(:messageIds::uuid[], :events::text[], :sealed::bytea[], :userIds::uuid[]) m (id, event, sealed, user_id)
     ), deliveries as (
       select d.* from unnest(:ids::uuid[], :webhookIds::uuid[], :ofMessages::uuid[], :outboxIds::uuid[], :lanes::uuid[])
         d (id, webhook_id, message_id, outbox_id, lane)
     ), kept as (
       insert into webhook_deliveries (tenant_id, id, webhook_id, message_id, outbox_id, state, created_at)
       select :tenantId, id, webhook_id, message_id, outbox_id, 'pending', :now from deliveries
     ), leaving as (
       insert into outbox (tenant_id, id, kind, payload, lane, created_at, due_at)
       select :tenantId, outbox_id, 'webhook', jsonb_build_object('delivery', id), lane, now(), now() from deliveries
     )
     select pg_notify('gatehouse', 'outbox:webhook')`,
    {
      tenantId,
      now,
      messageIds: column(messages, 'id'),
      events: column(messages, 'event'),
      sealed: column(messages, 'sealed'),
      userIds: column(messages, 'userId'),
      ids: column(deliveries, 'id'),
      webhookIds: column(deliveries, 'webhookId'),
      ofMessages: column(deliveries, 'messageId'),
      outboxIds: column(deliveries, 'outboxId'),
      lanes: column(deliveries, 'lane'),
    } as never,
  );
}

/** Removes what was told of a user: an erasure does not stop at a log. @returns how many messages went */
export async function removeOfUser({ db, tenantId }: TenantCall, userId: UserId): Promise<number> {
  return db('webhook_messages').where({ tenant_id: tenantId, user_id: userId }).delete();
}

/** Takes an event that is owed out of the outbox; false when it was told before. */
export async function takeOwed({ db, tenantId }: TenantCall, id: string): Promise<boolean> {
  return (await db('outbox').where({ tenant_id: tenantId, id, kind: 'webhook-event' }).delete()) > 0;
}
