import { expect } from 'chai';
import { inOperatorTransaction, inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { newId } from '../../../src/kernel/ids.ts';
import { file } from '../../support/blueprints.ts';
import { pool } from '../../support/database.ts';
import { expectFailure } from '../../support/expect.ts';
import { whileUncommitted } from '../../support/race.ts';
import { aTenant, aUser, operator, rooms } from '../../support/rooms.ts';

const limited = (maxUsers: number) => aTenant({ settings: { maxUsers } });
const draft = () => ({ email: `${newId()}@example.com` });
const countOf = (call: TenantCall) => rooms().tenants.userCount(call, call.tenantId);

describe('how many users a tenant may have', () => {
  it('is kept when the last place is wanted by two at once', async () => {
    const call = await limited(2);
    await aUser(call);
    const second = await whileUncommitted(
      pool(),
      (hold) =>
        inTransaction(call, async (tx) => {
          await rooms().users.create(tx, draft());
          await hold();
        }),
      () => rooms().users.create(call, draft()),
    );
    expect(second.status === 'rejected' && second.reason).to.include({ code: 'tenant_limit' });
    expect(await countOf(call)).to.equal(2);
  });

  it('leaves the place to the second when the first one gives up', async () => {
    const call = await limited(1);
    const second = await whileUncommitted(
      pool(),
      (hold) =>
        inTransaction(call, async (tx) => {
          await rooms().users.create(tx, draft());
          await hold();
          throw new Error('given up');
        }).catch(() => undefined),
      () => rooms().users.create(call, draft()),
    );
    expect(second.status).to.equal('fulfilled');
    expect(await countOf(call)).to.equal(1);
  });

  it('is kept by many at once, to the last place', async () => {
    const call = await limited(5);
    const made = await Promise.allSettled(Array.from({ length: 12 }, () => rooms().users.create(call, draft())));
    expect(made.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(5);
    for (const one of made) if (one.status === 'rejected') expect(one.reason).to.include({ code: 'tenant_limit' });
    expect(await countOf(call)).to.equal(5);
  });

  it('counts nobody who is gone for good, and everybody else', async () => {
    const call = await limited(2);
    const [ann] = [await aUser(call), await aUser(call)];
    await rooms().users.suspend(call, ann);
    await expectFailure('tenant_limit', rooms().users.create(call, draft()));
    await rooms().users.deactivate(call, ann);
    await aUser(call);
    await expectFailure('tenant_limit', rooms().users.create(call, draft()));
  });

  it('may be set below what there is: nobody goes, and nobody comes', async () => {
    const call = await aTenant();
    for (let at = 0; at < 3; at++) await aUser(call);
    await rooms().tenants.updateSettings(call, { maxUsers: 1 });
    await expectFailure('tenant_limit', rooms().users.create(call, draft()));
    expect(await countOf(call)).to.equal(3);
    await rooms().tenants.updateSettings(call, { maxUsers: null });
    await aUser(call);
  });

  it('holds for a file of tenants, of which then nothing is made', async () => {
    const call = await limited(2);
    const users = [1, 2, 3].map(draft);
    await expectFailure('tenant_limit', rooms().blueprint.apply(operator(), file({ slug: call.tenant.slug, users })));
    expect(await countOf(call)).to.equal(0);
    await rooms().blueprint.apply(operator(), file({ slug: call.tenant.slug, settings: { maxUsers: 3 }, users }));
    expect(await countOf(call)).to.equal(3);
  });

  it('is a tenant’s own: another’s users take no place', async () => {
    const [one, two] = [await limited(1), await limited(1)];
    const both = [one, two].map(({ tenantId }) => ({ tenantId, id: newId() }));
    await Promise.all(
      [both, both.toReversed()].map((order, at) =>
        inOperatorTransaction(operator(), (tx) =>
          rooms().users.createAll(
            tx,
            order.map(({ tenantId }) => userOf(tenantId, at)),
          ),
        ).catch((error: { code: string }) => expect(error.code).to.equal('tenant_limit')),
      ),
    );
    expect([await countOf(one), await countOf(two)]).to.deep.equal([1, 1]);
  });
});

/** A user as it is stored. */
function userOf(tenantId: TenantCall['tenantId'], at: number) {
  const email = `u${at}@example.com`;
  const names = { firstName: null, lastName: null, username: null, usernameCanonical: null };
  const rest = { phone: null, phoneVerified: false, locale: null, timezone: null, emailVerified: false };
  return { ...names, ...rest, email, emailCanonical: email, status: 'active' as const, tenantId, id: newId() as never };
}
