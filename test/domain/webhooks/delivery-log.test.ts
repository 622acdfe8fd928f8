import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { aWebhook } from '../../support/events.ts';
import { expectFailure } from '../../support/expect.ts';
import { whileUncommitted } from '../../support/race.ts';
import { closeReceivers, receiving } from '../../support/receiver.ts';
import { aTenant, aUser, rooms } from '../../support/rooms.ts';
import { attempt, deliveriesOver, deliveryIdsOf, shown, waiting } from './house.ts';

/** How many rows of the outbox carry deliveries of a tenant. */
const carriersOf = async ({ db, tenantId }: TenantCall): Promise<number> =>
  Number((await db('outbox').where({ tenant_id: tenantId, kind: 'webhook' }).count())[0]!['count']);

describe('a delivery that is sent again', () => {
  afterEach(closeReceivers);

  it('has the same id and the same bytes, whatever became of it', async () => {
    const receiver = await receiving();
    const one = await waiting(receiver.url);
    await attempt(one);
    const again = await deliveriesOver().redeliver(one.call, one.webhook, one.delivery);
    expect(again).to.include({ state: 'pending' });
    await attempt(one);
    const [first, second] = receiver.received;
    expect(second!.body).to.equal(first!.body);
    expect(second!.headers['webhook-id']).to.equal(first!.headers['webhook-id']);
    expect(await shown(one)).to.include({ state: 'delivered', attempts: 2 });
    expect(await carriersOf(one.call)).to.equal(0);
  });

  it('gets one row of the outbox, though two ask at once', async () => {
    const one = await waiting((await receiving()).url);
    await attempt(one);
    const ask = (call: TenantCall) => deliveriesOver().redeliver(call, one.webhook, one.delivery);
    await whileUncommitted(
      pool(),
      (hold) =>
        inTransaction(one.call, async (tx) => {
          await ask(tx);
          await hold();
        }),
      () => ask(one.call),
    );
    expect(await carriersOf(one.call)).to.equal(1);
  });

  it('is not one of another tenant, nor of another receiver', async () => {
    const [one, other] = [await waiting((await receiving()).url), await waiting((await receiving()).url)];
    const deliveries = deliveriesOver();
    for (const [call, webhook, id] of [
      [one.call, one.webhook, other.delivery],
      [one.call, other.webhook, other.delivery],
      [one.call, other.webhook, one.delivery],
    ] as const) {
      await expectFailure('webhook_delivery_not_found', deliveries.redeliver(call, webhook, id));
      await expectFailure('webhook_delivery_not_found', deliveries.get(call, webhook, id));
    }
  });

  it('waits until its receiver is enabled', async () => {
    const one = await waiting((await receiving()).url);
    await rooms().webhooks.update(one.call, one.webhook, { status: 'disabled' });
    await expectFailure('webhook_disabled', deliveriesOver().redeliver(one.call, one.webhook, one.delivery));
  });
});

describe('the log of what was sent', () => {
  afterEach(closeReceivers);

  it('is kept for two weeks, of all tenants', async () => {
    const [old, young] = [await waiting('https://hooks.example/a'), await waiting('https://hooks.example/b')];
    const age = (call: TenantCall, days: number) =>
      inTransaction(call, (tx) =>
        tx
          .db('webhook_messages')
          .where({ tenant_id: call.tenantId })
          .update({ created_at: new Date(Date.now() - days * 86_400_000) }),
      );
    await age(old.call, LIMITS.webhookLogDays + 0.1);
    await age(young.call, LIMITS.webhookLogDays - 0.1);
    expect(await deliveriesOver().sweep({ ...old.call })).to.be.greaterThan(0);
    expect(await deliveryIdsOf(old.call)).to.deep.equal([]);
    expect(await deliveryIdsOf(young.call)).to.have.lengthOf(1);
  });

  it('comes in pages, the newest first, of one state where it is asked for', async () => {
    const one = await waiting((await receiving()).url);
    await attempt(one);
    await aUser(one.call);
    await aUser(one.call);
    const ids = await deliveryIdsOf(one.call);
    const list = (query: object) => deliveriesOver().list(one.call, one.webhook, query);
    const { items, total } = await list({ pageSize: 2 });
    expect([items.map(({ id }) => id), total]).to.deep.equal([ids.toReversed().slice(0, 2), 3]);
    expect((await list({ state: 'delivered' })).items.map(({ id }) => id)).to.deep.equal([one.delivery]);
    expect((await list({ state: 'failed' })).total).to.equal(0);
    expect((await list({ state: 'pending' })).items[0]!.nextAttemptAt).to.be.instanceOf(Date);
  });

  it('forgets what was told of a user whom an erasure names', async () => {
    const call = await aTenant();
    await aWebhook(call);
    const [ann, bob] = [await aUser(call), await aUser(call)];
    await inTransaction(call, (tx) => rooms().webhooks.forgetUser(tx, ann));
    const left = await inTransaction(call, (tx) =>
      tx.db('webhook_messages').where({ tenant_id: call.tenantId }).pluck('user_id'),
    );
    expect(left).to.deep.equal([bob]);
    expect(await deliveryIdsOf(call)).to.have.lengthOf(1);
  });
});
