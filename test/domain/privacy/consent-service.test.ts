import { expect } from 'chai';
import type { TenantCall } from '../../../src/kernel/call.ts';
import { inTransaction } from '../../../src/kernel/call.ts';
import type { UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { whileUncommitted } from '../../support/race.ts';
import { aHouse, anAddress, auditOf, endOf, fromAddress, type House, later } from '../recovery/house.ts';

describe('a consent', () => {
  let house: House;
  let home: TenantCall;
  let ann: UserId;
  before(() => {
    house = aHouse();
  });
  beforeEach(async () => {
    home = fromAddress(await house.aTenant({ privacy: { policyVersion: '2026-01' } }), anAddress());
    ann = (await house.aUser(home)).id;
  });

  const set = (granted: boolean, call = home) =>
    house.consents.set(call, ann, { type: 'marketing', granted, source: 'page' });
  const granted = async (type = 'marketing') =>
    (await house.consents.list(home, ann)).find((each) => each.type === type)?.granted;

  it('is given by nobody who was not asked, but for what is essential', async () => {
    expect(await house.consents.list(home, ann)).to.deep.equal([
      { type: 'marketing', granted: false, at: null },
      { type: 'analytics', granted: false, at: null },
      { type: 'essential', granted: true, at: null },
      { type: 'third_party', granted: false, at: null },
    ]);
    expect(await endOf(house.consents.set(home, ann, { type: 'essential', granted: false, source: 'api' }))).to.equal(
      'consent_essential',
    );
  });

  it('is kept each time it changes, with when, from where and under which policy', async () => {
    await set(true);
    await set(false, later(home, 5));
    expect(await granted()).to.equal(false);
    const history = await house.consents.history(home, ann);
    expect(history.map((choice) => choice.granted)).to.deep.equal([false, true]);
    expect(history[1]).to.deep.include({
      ...{ type: 'marketing', at: home.now, source: 'page', version: '2026-01' },
      ...{ ip: home.origin!.ip, userAgent: 'test' },
    });
    expect((await auditOf(home)).filter((action) => action === 'consent.changed')).to.have.lengthOf(2);
  });

  it('that changes nothing leaves nothing', async () => {
    for (let times = 0; times < 3; times++) await set(true);
    expect(await house.consents.history(home, ann)).to.have.lengthOf(1);
    await house.consents.set(home, ann, { type: 'analytics', granted: false, source: 'api' });
    expect(await house.consents.history(home, ann), 'a first no is a choice').to.have.lengthOf(2);
  });

  it('is one of two that are made at once: the second sees the first', async () => {
    const outcome = await whileUncommitted(
      pool(),
      (hold) =>
        pool().transaction(async (db) => {
          await set(true, { ...home, db });
          await hold();
        }),
      () => set(true),
    );
    expect(outcome.status).to.equal('fulfilled');
    expect(await house.consents.history(home, ann)).to.have.lengthOf(1);
  });

  it('is never written over or dated back, whoever tries', async () => {
    await set(true);
    for (const change of [{ granted: false }, { at: new Date(0) }, { version: 'x' }, { ip: '192.0.2.1' }]) {
      const written = inTransaction(home, ({ db, tenantId }) =>
        db('consents').where({ tenant_id: tenantId, user_id: ann }).update(change),
      );
      expect(
        await written.then(
          () => 'ok',
          (error: Error) => error.message,
        ),
      ).to.include('is not written over');
    }
  });

  it('changes fifty times a day', async () => {
    for (let times = 0; times < LIMITS.consentsOfDay; times++) await set(times % 2 === 0);
    expect(await endOf(set(true))).to.equal('rate_limited');
    expect(await endOf(set(true, later(home, 86_401)))).to.equal('ok');
  });

  it('is a person’s own', async () => {
    await set(true);
    const other = await house.aTenant();
    expect(await house.consents.history(other, ann)).to.deep.equal([]);
    expect(await endOf(set(true, other))).to.equal('user_not_found');
  });
});
