import type { Knex } from 'knex';
import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { EventId, WebhookDeliveryId, WebhookId } from '../../kernel/ids.ts';
import type { Delivery } from './delivery.ts';

/** What an attempt needs: the message, the receiver, and where both stand. */
export type Work = {
  id: WebhookDeliveryId;
  state: Delivery['state'];
  event: string;
  messageId: EventId;
  sealed: Buffer;
  webhookId: WebhookId;
  url: string;
  status: 'active' | 'disabled';
};

export async function findWork({ db, tenantId }: TenantCall, id: WebhookDeliveryId): Promise<Work | undefined> {
  return db('webhook_deliveries as d')
    .join('webhook_messages as m', (on) => on.on('m.tenant_id', 'd.tenant_id').andOn('m.id', 'd.message_id'))
    .join('webhooks as w', (on) => on.on('w.tenant_id', 'd.tenant_id').andOn('w.id', 'd.webhook_id'))
    .where({ 'd.tenant_id': tenantId, 'd.id': id })
    .first({
      id: 'd.id',
      state: 'd.state',
      event: 'm.event',
      messageId: 'm.id',
      sealed: 'm.sealed',
      webhookId: 'w.id',
      url: 'w.url',
      status: 'w.status',
    });
}

export type Attempt = {
  state: Delivery['state'];
  responseStatus: number | null;
  error: string | null;
};

/** Notes what became of an attempt, of a delivery that is still on its way. One that has ended is carried no more. */
export async function noteAttempt(
  call: TenantCall,
  id: WebhookDeliveryId,
  { state, responseStatus, error }: Attempt,
): Promise<void> {
  const { db, tenantId, now } = call;
  const [row] = await db('webhook_deliveries')
    .where({ tenant_id: tenantId, id, state: 'pending' })
    .update({
      state,
      attempts: db.raw('attempts + 1'),
      response_status: responseStatus,
      error,
      attempted_at: now,
      finished_at: state === 'pending' ? null : now,
    })
    .returning('outbox_id');
  if (row && state !== 'pending') await dropCarrier(call, row.outbox_id);
}

/** Gives a delivery up without an attempt. */
export async function giveUp(call: TenantCall, id: WebhookDeliveryId, error: string): Promise<void> {
  const { db, tenantId, now } = call;
  const [row] = await db('webhook_deliveries')
    .where({ tenant_id: tenantId, id, state: 'pending' })
    .update({ state: 'failed', error, finished_at: now })
    .returning('outbox_id');
  if (row) await dropCarrier(call, row.outbox_id);
}

/** The log says what became of it: the outbox need not keep it too. */
async function dropCarrier({ db, tenantId }: TenantCall, outboxId: string): Promise<void> {
  await db('outbox').where({ tenant_id: tenantId, id: outboxId }).delete();
}

/** Whether so many deliveries or more wait for a receiver. */
export async function isBacklog({ db, tenantId }: TenantCall, webhookId: WebhookId, many: number): Promise<boolean> {
  const pending = db('outbox')
    .where({ kind: 'webhook', tenant_id: tenantId, lane: webhookId })
    .whereNull('delivered_at')
    .whereNull('dead_at');
  const [row] = await pending
    .orderBy(['lane', 'due_at'])
    .offset(many - 1)
    .limit(1)
    .select('id');
  return row !== undefined;
}

const COLUMNS = {
  id: 'd.id',
  webhookId: 'd.webhook_id',
  eventId: 'd.message_id',
  event: 'm.event',
  attempts: 'd.attempts',
  responseStatus: 'd.response_status',
  error: 'd.error',
  createdAt: 'd.created_at',
  attemptedAt: 'd.attempted_at',
  finishedAt: 'd.finished_at',
};

/** With the moment of the next attempt: that of its row in the outbox, or that of its receiver, whichever is later. */
const shown = ({ db, tenantId }: TenantCall) =>
  db('webhook_deliveries as d')
    .join('webhook_messages as m', (on) => on.on('m.tenant_id', 'd.tenant_id').andOn('m.id', 'd.message_id'))
    .leftJoin('outbox as o', (on) => on.on('o.tenant_id', 'd.tenant_id').andOn('o.id', 'd.outbox_id'))
    .leftJoin('outbox_lanes as l', (on) => on.on('l.tenant_id', 'd.tenant_id').andOn('l.lane', 'o.lane'))
    .where({ 'd.tenant_id': tenantId })
    .select({
      ...COLUMNS,
      // A worker that died at the last attempt could not say so.
      state: db.raw(`case when d.state = 'pending' and o.dead_at is not null then 'failed' else d.state end`),
      nextAttemptAt: db.raw(`case when d.state = 'pending' then greatest(o.due_at, l.opens_at) end`),
    });

export type DeliveryFilter = { state?: Delivery['state'] | undefined };

/** Deliveries to a receiver, the newest first. */
export async function list(
  call: TenantCall,
  webhookId: WebhookId,
  { state }: DeliveryFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: Delivery[]; total: number }> {
  const { db, tenantId } = call;
  const items = await shown(call)
    .where({ 'd.webhook_id': webhookId, ...(state && { 'd.state': state }) })
    .orderBy('d.id', 'desc')
    .offset(offset)
    .limit(limit);
  const [row] = await db('webhook_deliveries')
    .where({ tenant_id: tenantId, webhook_id: webhookId, ...(state && { state }) })
    .count({ count: '*' });
  return { items: items as Delivery[], total: Number(row?.['count']) };
}

export async function find(
  call: TenantCall,
  webhookId: WebhookId,
  id: WebhookDeliveryId,
): Promise<Delivery | undefined> {
  const [found] = await shown(call).where({ 'd.webhook_id': webhookId, 'd.id': id });
  return found as Delivery | undefined;
}

/** The sealed message of a delivery. */
export async function findMessage(
  { db, tenantId }: TenantCall,
  webhookId: WebhookId,
  id: WebhookDeliveryId,
): Promise<{ id: EventId; sealed: Buffer } | undefined> {
  return db('webhook_deliveries as d')
    .join('webhook_messages as m', (on) => on.on('m.tenant_id', 'd.tenant_id').andOn('m.id', 'd.message_id'))
    .where({ 'd.tenant_id': tenantId, 'd.webhook_id': webhookId, 'd.id': id })
    .first({ id: 'm.id', sealed: 'm.sealed' });
}

export type Again = { id: WebhookDeliveryId; outboxId: string };

/** Sends finished deliveries once more, each by a new row of the outbox; one that is on its way still is made due now. */
export async function sendAgain(
  { db, tenantId }: TenantCall,
  webhookId: WebhookId,
  all: readonly Again[],
): Promise<void> {
  await db.raw(
    `with again as (
       update webhook_deliveries d set state = 'pending', outbox_id = a.outbox_id, error = null, finished_at = null
         from unnest(:ids::uuid[], :outboxIds::uuid[]) a (id, outbox_id)
        where d.tenant_id = :tenantId and d.webhook_id = :webhookId and d.id = a.id
          and (d.state <> 'pending' or not exists (select from outbox o
            where o.tenant_id = d.tenant_id and o.id = d.outbox_id and o.delivered_at is null and o.dead_at is null))
       returning d.id, d.outbox_id
     ), hurried as (
       update outbox o set due_at = least(o.due_at, now())
         from webhook_deliveries d
        where d.tenant_id = :tenantId and d.webhook_id = :webhookId and d.id = any(:ids::uuid[]) and d.state = 'pending'
          and o.tenant_id = d.tenant_id and o.id = d.outbox_id and o.last_error is not null
     ), leaving as (
       insert into outbox (tenant_id, id, kind, payload, lane, created_at, due_at)
       select :tenantId, outbox_id, 'webhook', jsonb_build_object('delivery', id), :webhookId, now(), now() from again
     )
     select pg_notify('gatehouse', 'outbox:webhook')`,
    { tenantId, webhookId, ids: all.map(({ id }) => id), outboxIds: all.map(({ outboxId }) => outboxId) } as never,
  );
}

/** Failed deliveries to a receiver since a moment, after one, the oldest first. */
export async function failedAfter(
  { db, tenantId }: TenantCall,
  webhookId: WebhookId,
  { since, until, after, limit }: { since: Date; until: Date; after: WebhookDeliveryId | undefined; limit: number },
): Promise<WebhookDeliveryId[]> {
  return db('webhook_deliveries')
    .where({ tenant_id: tenantId, webhook_id: webhookId, state: 'failed' })
    .andWhere('created_at', '>=', since)
    .andWhere('created_at', '<=', until)
    .modify((query: Knex.QueryBuilder) => (after === undefined ? query : query.andWhere('id', '>', after)))
    .orderBy('id')
    .limit(limit)
    .pluck('id');
}

export async function countFailed(
  { db, tenantId }: TenantCall,
  webhookId: WebhookId,
  { since, until }: { since: Date; until: Date },
): Promise<number> {
  const [row] = await db('webhook_deliveries')
    .where({ tenant_id: tenantId, webhook_id: webhookId, state: 'failed' })
    .andWhere('created_at', '>=', since)
    .andWhere('created_at', '<=', until)
    .count({ count: '*' });
  return Number(row?.['count']);
}

/** Deletes at most `limit` messages of any tenants that are older than so many days, with their deliveries. */
export async function removeOld({ db }: OperatorCall, days: number, limit: number): Promise<number> {
  const { rowCount } = await db.raw(
    `delete from webhook_messages where ctid = any(array(
       select ctid from webhook_messages where created_at < now() - ? * interval '1 day' limit ? for update skip locked))`,
    [days, limit],
  );
  return rowCount;
}
