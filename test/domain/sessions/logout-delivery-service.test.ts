import { expect } from 'chai';
import { createLogoutDeliveries, type LogoutDeliveries } from '../../../src/domain/sessions/logout-delivery-service.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { expectFailure } from '../../support/expect.ts';
import { aTenant, auditOf, rooms } from '../../support/rooms.ts';
import { aDelivery } from '../../support/sessions.ts';

const LEASE = LIMITS.outboxLeaseMs / 1000;

describe('logout deliveries', () => {
  let deliveries: LogoutDeliveries;
  before(() => {
    deliveries = createLogoutDeliveries({ audit: rooms().audit });
  });
  const rowOf = (call: TenantCall, id: string) =>
    inTransaction(call, ({ db }) =>
      db('outbox')
        .where({ tenant_id: call.tenantId, id })
        .first('due_at', 'dead_at', 'retried_at', db.raw('due_at <= now() as due')),
    );

  it('are listed, the latest first, by what became of them', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const pending = await aDelivery(call, { error: 'the application answered 503' });
    const dead = await aDelivery(call, { deadAgo: 60 });
    const delivered = await aDelivery(call, { deliveredAgo: 60 });
    await aDelivery(other);
    await call.db('outbox').insert({
      ...{ tenant_id: call.tenantId, id: newId(), kind: 'letter', payload: {} },
      ...{ created_at: new Date(), due_at: new Date() },
    });

    const all = await deliveries.list(call);
    expect(all.items.map(({ id, state }) => [id, state])).to.deep.equal([
      [delivered, 'delivered'],
      [dead, 'dead'],
      [pending, 'pending'],
    ]);
    expect(all).to.include({ total: 3, page: 1, pageSize: 50 });
    expect(all.items[2]).to.include({ clientId: 'mail', attempts: 1, lastError: 'the application answered 503' });
    for (const [state, id] of Object.entries({ pending, dead, delivered }) as ['pending', string][]) {
      const { items, total } = await deliveries.list(call, { state });
      expect([items.map((item) => item.id), total]).to.deep.equal([[id], 1]);
    }
    expect((await deliveries.list(call, { page: 2, pageSize: 2 })).items.map(({ id }) => id)).to.deep.equal([pending]);
    await expectFailure('invalid_input', deliveries.list(call, { pageSize: 101 }));
  });

  it('are tried again at once, with another day to arrive, when they were given up', async () => {
    const call = await aTenant();
    const id = await aDelivery(call, { deadAgo: 60, age: 2 * 86_400, dueIn: -3_600 });
    expect(await deliveries.retry(call, id)).to.include({ id, state: 'pending' });
    const row = await rowOf(call, id);
    expect(row).to.include({ dead_at: null, due: true });
    expect(Date.now() - row.retried_at.getTime()).to.be.lessThan(60_000);
    expect(await auditOf(call)).to.include('logout_delivery.retried');
  });

  it('are tried again before their time, but not while a node is at them', async () => {
    const call = await aTenant();
    const [waits, leased] = [
      await aDelivery(call, { dueIn: LEASE + 60 }),
      await aDelivery(call, { dueIn: LEASE - 10 }),
    ];
    await deliveries.retry(call, waits);
    await deliveries.retry(call, leased);
    expect([(await rowOf(call, waits)).due, (await rowOf(call, leased)).due]).to.deep.equal([true, false]);
  });

  it('open the way to an application that was left alone', async () => {
    const call = await aTenant();
    const id = await aDelivery(call, { dueIn: LEASE + 60 });
    const [lane] = await call.db('outbox').where({ tenant_id: call.tenantId, id }).pluck('lane');
    const shut = { failures: 9, failing_since: new Date(), opens_at: new Date(Date.now() + 3_600_000) };
    await call.db('outbox_lanes').insert({ tenant_id: call.tenantId, lane, ...shut });
    await deliveries.retry(call, id);
    expect(await call.db('outbox_lanes').where({ tenant_id: call.tenantId })).to.deep.equal([]);
  });

  it('that have arrived are not sent again, and those of another tenant are not there', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const arrived = await aDelivery(call, { deliveredAgo: 60 });
    await expectFailure('conflict', deliveries.retry(call, arrived));
    await expectFailure('delivery_not_found', deliveries.retry(other, arrived));
    await expectFailure('delivery_not_found', deliveries.retry(call, newId()));
  });
});
