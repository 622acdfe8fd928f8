import { expect } from 'chai';
import { JobStopped } from '../../../src/domain/jobs/job.ts';
import { inTransaction } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { aTenant } from '../../support/rooms.ts';
import { aHouse, auditOf, count, numbers, textOf, timePasses } from './house.ts';

describe('a job whose node meets a fault', () => {
  it('goes on at its checkpoint, and does no step twice', async () => {
    const call = await aTenant();
    const faults = new Set([3, 4, 8]);
    const house = aHouse((run) =>
      count(run, 10, (n) => {
        if (faults.delete(n)) throw new Error(`fault at ${n}`);
      }),
    );
    const { id } = await house.jobs.create(call, house.kind);
    for (let run = 0; run < 4; run++) {
      await (await house.take())!();
      await timePasses(call, id);
    }
    expect(await textOf(house.jobs, call, id)).to.equal(numbers(10));
    expect(await house.jobs.get(call, id)).to.include({ state: 'succeeded', done: 10 });
    expect(house.faults.map(String)).to.deep.equal(['Error: fault at 3', 'Error: fault at 4', 'Error: fault at 8']);
  });

  it('keeps nothing of a step that was not finished', async () => {
    const call = await aTenant();
    let first = true;
    const house = aHouse(async ({ save, write }) => {
      await save(async (tx) => {
        await write(tx, 'line\n', { type: 'text/csv', name: 'a.csv' });
        if (first) {
          first = false;
          throw new Error('in the middle');
        }
        return { checkpoint: 1 };
      });
      return {};
    });
    const { id } = await house.jobs.create(call, house.kind);
    await house.workAll();
    await timePasses(call, id);
    await house.workAll();
    expect(await textOf(house.jobs, call, id)).to.equal('line\n');
  });

  it('is given up after five tries that came no further', async () => {
    const call = await aTenant();
    const house = aHouse(async () => {
      throw new Error('always');
    });
    const { id } = await house.jobs.create(call, house.kind);
    let runs = 0;
    for (; (await house.jobs.get(call, id)).finishedAt === null; runs++) {
      await house.workAll();
      await timePasses(call, id);
    }
    expect(runs).to.equal(LIMITS.jobTries);
    expect(await house.jobs.get(call, id)).to.include({ state: 'failed', failure: 'internal' });
    expect(house.faults).to.have.lengthOf(LIMITS.jobTries);
  });

  it('is given up when it kills each node that takes it, or goes round for ever', async () => {
    for (const [column, value] of [
      ['tries', LIMITS.jobTries],
      ['runs', LIMITS.jobRuns],
    ] as const) {
      const call = await aTenant();
      let ran = false;
      const house = aHouse(async () => {
        ran = true;
        return {};
      });
      const { id } = await house.jobs.create(call, house.kind);
      await inTransaction(call, (tx) =>
        tx
          .db('jobs')
          .where({ tenant_id: call.tenantId, id })
          .update({ [column]: value }),
      );
      await house.workAll();
      expect([ran, (await house.jobs.get(call, id)).failure]).to.deep.equal([false, 'internal']);
    }
  });

  it('is left for another node when its node stops, and that is no try', async () => {
    const call = await aTenant();
    const started = Promise.withResolvers<void>();
    const house = aHouse((run) =>
      count(run, 5, async (n) => {
        if (n !== 3) return;
        started.resolve();
        await new Promise((_, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason)));
      }),
    );
    const { id } = await house.jobs.create(call, house.kind);
    const work = (await house.take())!();
    await started.promise;
    house.shutdown.abort();
    await work;
    expect(await house.jobs.get(call, id)).to.include({ state: 'queued', done: 2 });
    const row = await inTransaction(call, (tx) => tx.db('jobs').where({ tenant_id: call.tenantId, id }).first('tries'));
    expect(row.tries).to.equal(0);
    expect(house.faults).to.deep.equal([]);
  });
});

describe('a node that has lost its job', () => {
  it('keeps nothing any more, and does not end it', async () => {
    const call = await aTenant();
    const [paused, resumed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let runs = 0;
    let told: unknown;
    const house = aHouse(async (run) => {
      runs += 1;
      const stale = runs === 1;
      try {
        return await count(run, 6, async (n) => {
          if (!stale || n !== 4) return;
          paused.resolve();
          await resumed.promise;
        });
      } catch (error) {
        told = error;
        throw error;
      }
    });
    const { id } = await house.jobs.create(call, house.kind);
    const stale = (await house.take())!();
    await paused.promise;
    await (await house.takeOver(call, id))();
    resumed.resolve();
    await stale;

    expect(told).to.be.instanceOf(JobStopped).and.include({ why: 'lost' });
    expect(await textOf(house.jobs, call, id)).to.equal(numbers(6));
    expect(await house.jobs.get(call, id)).to.include({ state: 'succeeded', done: 6 });
    expect(await auditOf(call)).to.deep.equal(['job.created', 'job.succeeded']);
  });

  it('hears of it by itself, though it takes no step', async () => {
    const call = await aTenant();
    const started = Promise.withResolvers<AbortSignal>();
    let runs = 0;
    const house = aHouse(async ({ signal }) => {
      runs += 1;
      if (runs > 1) return {};
      started.resolve(signal);
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return {};
    });
    const { id } = await house.jobs.create(call, house.kind);
    const stale = (await house.take())!();
    const signal = await started.promise;
    await (await house.takeOver(call, id))();
    await stale;
    expect(signal.reason).to.include({ why: 'lost' });
    expect(await house.jobs.get(call, id)).to.include({ state: 'succeeded' });
  });

  it('has not lost it while a step of it holds the row, however long the lease is over', async () => {
    const call = await aTenant();
    const house = aHouse(async ({ save }) => {
      await save(async (tx) => {
        await tx
          .db('jobs')
          .where({ tenant_id: call.tenantId, kind: house.kind })
          .update({ due_at: new Date(0) });
        expect(await house.take()).to.equal(undefined);
        return { checkpoint: 1 };
      });
      return {};
    });
    const { id } = await house.jobs.create(call, house.kind);
    await house.workAll();
    expect(await house.jobs.get(call, id)).to.include({ state: 'succeeded', failure: null });
  });
});
