import { expect } from 'chai';
import { inOperatorTransaction, inTransaction } from '../../../src/kernel/call.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import type { UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { expectFailure } from '../../support/expect.ts';
import { eventually } from '../../support/oauth.ts';
import { whileUncommitted } from '../../support/race.ts';
import { actor, as, aTenant, operator } from '../../support/rooms.ts';
import { aHouse, auditOf } from './house.ts';

describe('a job', () => {
  it('waits, runs, and says what came of it', async () => {
    const call = await aTenant();
    const house = aHouse(async ({ input, save }) => {
      await save(async () => ({ done: 3, total: 4, errors: [{ line: 2, message: 'no address' }] }));
      return { made: input['wanted'] };
    });
    const { id } = await house.jobs.create(call, house.kind, { input: { wanted: 7 } });
    expect(await house.jobs.get(call, id)).to.include({ state: 'queued', done: 0, total: null, startedAt: null });

    expect(await house.workAll()).to.equal(1);
    const job = await house.jobs.get(call, id);
    expect(job).to.deep.include({
      state: 'succeeded',
      done: 3,
      total: 4,
      errorCount: 1,
      result: { made: 7 },
      failure: null,
    });
    expect(job.errors).to.deep.equal([{ line: 2, message: 'no address' }]);
    expect(job.finishedAt).to.be.instanceOf(Date);
    expect(await auditOf(call)).to.deep.equal(['job.created', 'job.succeeded']);
  });

  it('begins with the transaction that asks for it, or never', async () => {
    const call = await aTenant();
    const house = aHouse(async () => ({}));
    const refused = inTransaction(call, async (tx) => {
      await house.jobs.create(tx, house.kind);
      throw new Error('no');
    });
    await refused.catch(() => {});
    expect(await house.workAll()).to.equal(0);
    expect((await house.jobs.list(call)).total).to.equal(0);
  });

  it('acts for whoever asked, with what they were allowed then', async () => {
    const call = as(await aTenant(), actor(['iam.users:create'], ['USER_ADMIN']));
    let seen: unknown;
    const house = aHouse(async (run) => {
      seen = run.call.actor;
      return {};
    });
    await house.jobs.create(call, house.kind);
    await house.workAll();
    expect(seen).to.deep.equal(call.actor);
  });

  it('fails with the code of a failure, at once', async () => {
    const call = await aTenant();
    const house = aHouse(async () => {
      throw new Failure('too_large');
    });
    const { id } = await house.jobs.create(call, house.kind);
    expect(await house.workAll()).to.equal(1);
    expect(await house.jobs.get(call, id)).to.include({ state: 'failed', failure: 'too_large' });
    expect(await auditOf(call)).to.deep.equal(['job.created', 'job.failed']);
    expect(house.faults).to.deep.equal([]);
  });

  it('shows how far it is between its steps', async () => {
    const call = await aTenant();
    const hold = Promise.withResolvers<void>();
    const house = aHouse(async ({ progress }) => {
      progress(5, 10);
      await hold.promise;
      return {};
    });
    const { id } = await house.jobs.create(call, house.kind);
    const work = (await house.take())!();
    await eventually('five of ten', async () => (await house.jobs.get(call, id)).done === 5, 10_000);
    expect(await house.jobs.get(call, id)).to.include({ state: 'running', total: 10 });
    hold.resolve();
    await work;
  });

  it('keeps the first hundred problems, short, and counts them all', async () => {
    const call = await aTenant();
    const house = aHouse(async ({ save }) => {
      for (let part = 0; part < 3; part++) {
        const errors = Array.from({ length: 60 }, (_, at) => ({
          line: part * 60 + at + 1,
          message: '\u0000'.repeat(1_000),
        }));
        await save(async () => ({ errors }));
      }
      return {};
    });
    const { id } = await house.jobs.create(call, house.kind);
    await house.workAll();
    const { errors, errorCount } = await house.jobs.get(call, id);
    expect([errors.length, errorCount, errors.at(-1)!.line]).to.deep.equal([LIMITS.jobErrors, 180, LIMITS.jobErrors]);
    expect(errors[0]!.message).to.have.lengthOf(LIMITS.jobErrorChars);
  });
});

describe('jobs of one kind', () => {
  it('run one at a time in a tenant, and side by side in several', async () => {
    const [one, two] = [await aTenant(), await aTenant()];
    const hold = Promise.withResolvers<void>();
    const house = aHouse(async () => {
      await hold.promise;
      return {};
    });
    for (const call of [one, one, two]) await house.jobs.create(call, house.kind);
    const running = [(await house.take())!(), (await house.take())!()];
    expect(await house.take()).to.equal(undefined);
    hold.resolve();
    await Promise.all(running);
    expect(await house.workAll()).to.equal(1);
  });

  it('are not taken by two nodes at one moment', async () => {
    const call = await aTenant();
    const house = aHouse(async () => ({}));
    await house.jobs.create(call, house.kind);
    await house.jobs.create(call, house.kind);
    const second = await whileUncommitted(
      pool(),
      (hold) =>
        inOperatorTransaction({ ...operator(), now: new Date() }, async (tx) => {
          expect(await house.jobs.take(tx, house.shutdown.signal)).not.to.equal(undefined);
          await hold();
        }),
      house.take,
    );
    expect(second).to.deep.equal({ status: 'fulfilled', value: undefined });
  });

  it('are not more than a tenant may have waiting', async () => {
    const call = await aTenant();
    const house = aHouse(async () => ({}));
    for (let at = 0; at < LIMITS.jobs; at++) await house.jobs.create(call, house.kind);
    await expectFailure('job_limit', house.jobs.create(call, house.kind));
    await (await house.take())!();
    await house.jobs.create(call, house.kind);
  });
});

describe('who may see a job', () => {
  const person = (permissions: string[] = []) => actor(permissions);

  it('is who asked for it, and who holds the permission of its kind', async () => {
    const call = await aTenant();
    const house = aHouse(async () => ({}), { permission: 'iam.users:create' });
    const [ann, bob, boss] = [person(), person(['iam.users:read']), person(['iam.users:create'])];
    const { id } = await house.jobs.create(as(call, ann), house.kind);
    for (const who of [ann, boss, call.actor]) {
      expect(await house.jobs.get(as(call, who), id)).to.include({ id });
      expect((await house.jobs.list(as(call, who))).total).to.equal(1);
    }
    const other = { kind: 'client', clientId: (ann as { userId: UserId }).userId, permissions: [] } as const;
    for (const who of [as(call, bob), as(call, other), as(await aTenant(), ann), as(await aTenant(), boss)]) {
      await expectFailure('job_not_found', house.jobs.get(who, id));
      await expectFailure('job_not_found', house.jobs.cancel(who, id));
      await expectFailure('job_not_found', house.jobs.result(who, id));
      expect((await house.jobs.list(who)).total).to.equal(0);
    }
  });

  it('finds it in pages, by state and kind', async () => {
    const call = await aTenant();
    const house = aHouse(async () => ({}));
    const ids = [];
    for (let at = 0; at < 3; at++) ids.push((await house.jobs.create(call, house.kind)).id);
    await (await house.take())!();
    const list = async (query: object) => (await house.jobs.list(call, query)).items.map(({ id }) => id);
    expect(await list({ pageSize: 2 })).to.deep.equal(ids.toReversed().slice(0, 2));
    expect(await list({ state: 'succeeded' })).to.deep.equal([ids[0]]);
    expect(await list({ kind: 'another' })).to.deep.equal([]);
  });
});
