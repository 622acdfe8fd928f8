import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import type { WebhookId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { aWebhook } from '../../support/events.ts';
import { expectFailure } from '../../support/expect.ts';
import { aTenant, aUser, operator, rooms } from '../../support/rooms.ts';
import { deliveriesOver, deliveryIdsOf } from './house.ts';

const BEFORE = new Date(0);
const now = (call: TenantCall): TenantCall => ({ ...call, now: new Date() });

/** So many deliveries that have failed at one receiver. */
async function failed(count: number) {
  const call = now(await aTenant());
  const { id: webhook } = await aWebhook(call);
  await aUser(call);
  const [first] = await deliveryIdsOf(call);
  await inTransaction(call, async ({ db, tenantId }) => {
    await db.raw(
      `insert into webhook_deliveries (tenant_id, id, webhook_id, message_id, outbox_id, state, attempts, created_at, finished_at)
         select tenant_id, gen_random_uuid(), webhook_id, message_id, gen_random_uuid(), 'failed', 1, created_at, created_at
           from webhook_deliveries, generate_series(2, ?) where tenant_id = ? and id = ?`,
      [count, tenantId, first!],
    );
    await db('webhook_deliveries').where({ tenant_id: tenantId }).update({ state: 'failed' });
    await db('outbox').where({ tenant_id: tenantId }).update({ dead_at: new Date() });
  });
  return { call, webhook };
}

const states = (call: TenantCall): Promise<string[]> =>
  inTransaction(call, (tx) =>
    tx.db('webhook_deliveries').where({ tenant_id: call.tenantId }).distinct().pluck('state'),
  );
const onTheirWay = async (call: TenantCall, webhook: WebhookId): Promise<number> => {
  const rows = call
    .db('outbox')
    .where({ tenant_id: call.tenantId, kind: 'webhook', lane: webhook })
    .whereNull('dead_at');
  return Number((await rows.count())[0]!['count']);
};

/** Lets all jobs be done that wait, of whatever tenant. */
async function workAll(): Promise<void> {
  const { signal } = new AbortController();
  for (;;) {
    const work = await rooms().jobs.take({ ...operator(), now: new Date() }, signal);
    if (!work) return;
    await work();
  }
}

describe('sending again what has failed', () => {
  it('takes all of it, in steps', async () => {
    const count = LIMITS.batchRows + 30;
    const { call, webhook } = await failed(count);
    const { id } = await deliveriesOver().redeliverFailed(call, webhook, BEFORE);
    await workAll();
    expect(await rooms().jobs.get(call, id)).to.deep.include({
      state: 'succeeded',
      done: count,
      total: count,
      result: { redelivered: count },
    });
    expect(await states(call)).to.deep.equal(['pending']);
    expect(await onTheirWay(call, webhook)).to.equal(count);
  });

  it('takes what failed since the moment, and nothing that has arrived', async () => {
    const { call, webhook } = await failed(3);
    await inTransaction(call, async ({ db, tenantId }) => {
      const [old, arrived] = await db('webhook_deliveries').where({ tenant_id: tenantId }).pluck('id');
      await db('webhook_deliveries')
        .where({ tenant_id: tenantId, id: old })
        .update({ created_at: new Date('2020-01-01') });
      await db('webhook_deliveries').where({ tenant_id: tenantId, id: arrived }).update({ state: 'delivered' });
    });
    const { id } = await deliveriesOver().redeliverFailed(call, webhook, new Date('2021-01-01'));
    await workAll();
    expect(await rooms().jobs.get(call, id)).to.deep.include({ result: { redelivered: 1 } });
  });

  it('ends when its webhook is disabled or removed meanwhile', async () => {
    const { call, webhook } = await failed(1);
    const { id } = await deliveriesOver().redeliverFailed(call, webhook, BEFORE);
    await rooms().webhooks.update(call, webhook, { status: 'disabled' });
    await workAll();
    expect(await rooms().jobs.get(call, id)).to.include({ state: 'failed', failure: 'webhook_disabled' });
    await expectFailure('webhook_disabled', deliveriesOver().redeliverFailed(call, webhook, BEFORE));
    await rooms().webhooks.remove(call, webhook);
    await expectFailure('webhook_not_found', deliveriesOver().redeliverFailed(call, webhook, BEFORE));
  });
});
