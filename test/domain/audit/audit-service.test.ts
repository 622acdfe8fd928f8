import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { actor, as, aTenant, auditOf, rooms } from '../../support/rooms.ts';

const eventsOf = (call: TenantCall) =>
  inTransaction(call, ({ db }) =>
    db('audit_events')
      .where({ tenant_id: call.tenantId })
      .whereNot({ action: 'tenant.created' })
      .orderBy('id')
      .select('action', 'actor_kind', 'actor_id', 'target', 'ip', 'user_agent', 'request_id', 'details', 'at'),
  );

describe('an audit event', () => {
  it('says who did what to whom, from where and when', async () => {
    const person = actor([]);
    const origin = { ip: '203.0.113.7', userAgent: 'Browser/1', requestId: 'r-1' };
    const call = { ...as(await aTenant(), person), origin };

    await inTransaction(call, (tx) =>
      rooms().audit.record(tx, 'thing.done', { target: 'thing:1', details: { size: 3 } }),
    );

    const [event] = await eventsOf(call);
    expect(event).to.deep.equal({
      action: 'thing.done',
      actor_kind: 'user',
      actor_id: person.kind === 'user' ? person.userId : '',
      target: 'thing:1',
      ip: '203.0.113.7',
      user_agent: 'Browser/1',
      request_id: 'r-1',
      details: { size: 3 },
      at: call.now,
    });
  });

  it('holds no value whose name sounds like a secret, at any depth', async () => {
    const call = await aTenant();
    const details = {
      newPassword: 'canary',
      client_secret: 'canary',
      refreshToken: 'canary',
      userCode: 'canary',
      passwordHash: 'canary',
      kept: { nested: [{ token: 'canary', name: 'visible' }] },
    };

    await inTransaction(call, (tx) => rooms().audit.record(tx, 'thing.done', { details }));

    const [event] = await eventsOf(call);
    expect(event.details).to.deep.equal({ kept: { nested: [{ name: 'visible' }] } });
  });

  it('takes any text, NUL and half surrogate pairs too, and stays short', async () => {
    const call = {
      ...(await aTenant()),
      origin: { ip: '::1', userAgent: `a\u0000b\ud800${'x'.repeat(9_000)}`, requestId: 'r' },
    };
    await inTransaction(call, (tx) =>
      rooms().audit.record(tx, 'thing.done', { details: { 'k\u0000': '\udc00\u0000' } }),
    );

    const [event] = await eventsOf(call);
    expect(event.user_agent)
      .to.have.lengthOf(512)
      .and.match(/^a\ufffdb\ufffdx/);
    expect(event.details).to.deep.equal({ 'k\ufffd': '\ufffd\ufffd' });
  });

  it('goes with the transaction that it tells of', async () => {
    const call = await aTenant();
    await inTransaction(call, async (tx) => {
      await rooms().audit.record(tx, 'thing.done');
      throw new Error('undone');
    }).catch(() => {});

    expect(await auditOf(call)).to.deep.equal(['tenant.created']);
  });
});

describe('the audit event of a refusal', () => {
  it('stays although the refused work is undone', async () => {
    const call = await aTenant();
    await inTransaction(call, async () => {
      await rooms().audit.recordRefusal(call, 'thing.refused', { details: { reason: 'forbidden' } });
      throw new Error('undone');
    }).catch(() => {});

    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'thing.refused']);
  });

  it('is not written into a transaction that would take it along', async () => {
    const call = await aTenant();
    const outcome = await inTransaction(call, (tx) => rooms().audit.recordRefusal(tx, 'thing.refused')).catch(
      (error: Error) => error.message,
    );
    expect(outcome).to.match(/would be rolled back/);
  });
});
