import { expect } from 'chai';
import { inTransaction } from '../../../src/kernel/call.ts';
import { expectFailure } from '../../support/expect.ts';
import { aTenant } from '../../support/rooms.ts';
import { aHouse, count, numbers, textOf, timePasses } from './house.ts';

describe('cancelling a job', () => {
  it('that waits ends it at once', async () => {
    const call = await aTenant();
    const house = aHouse(async () => ({}));
    const { id } = await house.jobs.create(call, house.kind);
    expect(await house.jobs.cancel(call, id)).to.include({ state: 'cancelled' });
    expect(await house.jobs.cancel(call, id)).to.include({ state: 'cancelled' });
    expect(await house.workAll()).to.equal(0);
    const actions = await inTransaction(call, (tx) =>
      tx.db('audit_events').where({ tenant_id: call.tenantId }).whereLike('action', 'job.%').pluck('action'),
    );
    expect(actions).to.have.members(['job.created', 'job.cancelled']);
  });

  it('that runs ends it before its next step; what it has done stays', async () => {
    const call = await aTenant();
    const house = aHouse((run) =>
      count(run, 9, async (n) => {
        if (n === 4) expect(await house.jobs.cancel(call, run.id)).to.include({ state: 'running', cancel: true });
      }),
    );
    const { id } = await house.jobs.create(call, house.kind);
    await house.workAll();
    expect(await house.jobs.get(call, id)).to.include({ state: 'cancelled', done: 3, failure: null });
    expect(await textOf(house.jobs, call, id)).to.equal(numbers(3));
    expect(house.faults).to.deep.equal([]);
  });

  it('that takes no steps aborts its signal', async () => {
    const call = await aTenant();
    const started = Promise.withResolvers<void>();
    const house = aHouse(async ({ signal }) => {
      started.resolve();
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(new Error('whatever it makes of it'))),
      );
      return {};
    });
    const { id } = await house.jobs.create(call, house.kind);
    const work = (await house.take())!();
    await started.promise;
    await house.jobs.cancel(call, id);
    await work;
    expect(await house.jobs.get(call, id)).to.include({ state: 'cancelled' });
  });

  it('whose node has died ends it where it is taken up again', async () => {
    const call = await aTenant();
    let ran = 0;
    const house = aHouse(async () => {
      ran += 1;
      return {};
    });
    const { id } = await house.jobs.create(call, house.kind);
    // Its node died right after it had taken it.
    await house.take();
    await house.jobs.cancel(call, id);
    await timePasses(call, id);
    await house.workAll();
    expect([ran, (await house.jobs.get(call, id)).state]).to.deep.equal([0, 'cancelled']);
  });

  it('that has ended is refused', async () => {
    const call = await aTenant();
    const house = aHouse(async () => ({}));
    const { id } = await house.jobs.create(call, house.kind);
    await house.workAll();
    await expectFailure('job_finished', house.jobs.cancel(call, id));
  });
});
