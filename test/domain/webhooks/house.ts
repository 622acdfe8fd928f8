import type { Outcome } from '../../../src/domain/webhooks/delivery.ts';
import { type CarryingRow, createDeliveryService } from '../../../src/domain/webhooks/delivery-service.ts';
import type { EgressDeps } from '../../../src/http/egress.ts';
import { createReceiverCalls } from '../../../src/http/receiver-calls.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import type { WebhookDeliveryId } from '../../../src/kernel/ids.ts';
import { aWebhook } from '../../support/events.ts';
import { aLog } from '../../support/http.ts';
import { aTenant, aUser, rooms } from '../../support/rooms.ts';

/** The way to receivers as the house has it; loopback is allowed, and a hanging receiver is waited for a moment only. */
export function deliveriesOver(more: Partial<EgressDeps> = {}) {
  const { audit, access, letters, publisher, webhooks } = rooms();
  const send = createReceiverCalls({ allowedCidrs: ['127.0.0.0/8'], log: aLog().log, timeoutMs: 300, ...more });
  return createDeliveryService({
    audit,
    access,
    letters,
    publisher,
    receivers: webhooks,
    send,
    jobs: rooms().jobs,
  });
}

/** Deliveries of a tenant, in the order in which they were made. */
export const deliveryIdsOf = (call: TenantCall): Promise<WebhookDeliveryId[]> =>
  inTransaction(call, (tx) =>
    tx.db('webhook_deliveries').where({ tenant_id: call.tenantId }).orderBy('id').pluck('id'),
  );

/** A row of the outbox that has just been written, of a receiver that works. */
export const freshRow = (): CarryingRow => ({ createdAt: new Date(), failingSince: null });

export const never = new AbortController().signal;

/** A receiver of everything, and one delivery that is on its way to it. */
export async function waiting(url: string) {
  const call = await aTenant();
  const { id, secret } = await aWebhook(call, { url });
  await aUser(call);
  const [delivery] = await deliveryIdsOf(call);
  return { call, webhook: id, secret, delivery: delivery! };
}

export type Waiting = Awaited<ReturnType<typeof waiting>>;

/** One attempt of it, in its words. */
export const attempt = (
  { call, delivery }: Waiting,
  row: CarryingRow = freshRow(),
  over: Partial<EgressDeps> = {},
): Promise<Outcome> => deliveriesOver(over).deliver({ ...call, now: new Date() }, delivery, row, never);

export const shown = async ({ call, webhook, delivery }: Waiting) =>
  (await deliveriesOver().get(call, webhook, delivery)).delivery;
