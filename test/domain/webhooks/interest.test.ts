import { expect } from 'chai';
import { inTransaction } from '../../../src/kernel/call.ts';
import { aWebhook, toldIn, toldOf, typesOf } from '../../support/events.ts';
import { aTenant, aUser, rooms } from '../../support/rooms.ts';
import { statementsOf } from '../sign-in/statements.ts';

describe('a change that nobody wants to hear of', () => {
  const about = (statements: readonly string[]) => statements.filter((text) => /webhook|outbox|pg_notify/.test(text));

  it('costs one statement the first time, and none after it', async () => {
    const call = await aTenant();
    const id = await aUser(call);
    rooms().publisher.interest.forget(call.tenantId);
    const rename = (firstName: string) => () => rooms().users.updateProfile(call, id, { firstName });
    expect(about(await statementsOf(rename('A')))).to.have.lengthOf(1);
    expect(about(await statementsOf(rename('B')))).to.deep.equal([]);

    await aWebhook(call, { events: ['role.*'] });
    await rename('C')();
    expect(about(await statementsOf(rename('D')))).to.deep.equal([]);
    expect(await toldIn(call)).to.deep.equal([]);
  });

  it('is asked about anew once the receivers have changed', async () => {
    const call = await aTenant();
    const id = await aUser(call);
    const told = (firstName: string) => toldOf(call, () => rooms().users.updateProfile(call, id, { firstName }));
    expect(await told('A')).to.have.lengthOf(0);
    const { id: webhook } = await aWebhook(call, { events: ['role.*'] });
    expect(await told('B')).to.have.lengthOf(0);
    await rooms().webhooks.update(call, webhook, { events: ['user.*'] });
    expect(await told('C')).to.have.lengthOf(1);
    await rooms().webhooks.update(call, webhook, { status: 'disabled' });
    expect(await told('D')).to.have.lengthOf(0);
    await rooms().webhooks.update(call, webhook, { status: 'active' });
    expect(await told('E')).to.have.lengthOf(1);
    await rooms().webhooks.remove(call, webhook);
    expect(await told('F')).to.have.lengthOf(0);
  });

  it('is not known from a reading that a change has overtaken', async () => {
    const call = await aTenant();
    const { interest } = rooms().publisher;
    await inTransaction(call, async (tx) => {
      // Somebody makes a receiver between this reading and its end.
      const reading = interest.of(tx, [call.tenantId]);
      interest.forget(call.tenantId);
      expect((await reading)(call.tenantId, 'user.created')).to.equal(false);
    });
    const again = statementsOf(() => inTransaction(call, (tx) => interest.of(tx, [call.tenantId])));
    expect(about(await again)).to.have.lengthOf(1);
  });

  it('is not known from a transaction that changes the receivers and is undone', async () => {
    const call = await aTenant();
    const { id } = await aWebhook(call);
    const { interest } = rooms().publisher;
    const undone = interest.during(call.tenantId, () =>
      inTransaction(call, async (tx) => {
        await tx.db('webhooks').where({ tenant_id: call.tenantId, id }).delete();
        expect((await interest.of(tx, [call.tenantId]))(call.tenantId, 'user.created')).to.equal(false);
        throw new Error('undone');
      }),
    );
    await undone.catch(() => {});
    await aUser(call);
    expect(typesOf(await toldIn(call))).to.deep.equal(['user.created']);
  });
});
