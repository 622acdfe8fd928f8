import { expect } from 'chai';
import { type Actor, inOperatorTransaction, inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import type { UserId } from '../../../src/kernel/ids.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { pool } from '../../support/database.ts';
import { expectFailure } from '../../support/expect.ts';
import { eventually } from '../../support/oauth.ts';
import { whileUncommitted } from '../../support/race.ts';
import { actor, as, aTenant, aUser, operator, rooms } from '../../support/rooms.ts';
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

  it('acts for whoever asked, with what they were allowed then and are allowed still', async () => {
    const call = await aTenant();
    const { access } = rooms();
    await aUser(call, { roles: ['TENANT_ADMIN'] });
    const ann = await aUser(call, { roles: ['USER_ADMIN', 'AUDITOR'] });
    const before = { kind: 'user', userId: ann, sessionUid: 'uid', ...(await access.accessOf(call, ann)) } as const;
    const seen: Actor[] = [];
    const house = aHouse(async ({ save }) => {
      for (const roles of [['USER_ADMIN', 'AUDITOR'], ['USER_ADMIN', 'TENANT_ADMIN'], ['AUDITOR']]) {
        await access.setUserRoles(call, ann, roles);
        await save(async (tx) => {
          seen.push(tx.actor);
          return {};
        });
      }
      return {};
    });
    await house.jobs.create(as(call, before), house.kind);
    await house.workAll();
    const [first, second, third] = seen as (typeof before)[];
    expect(first).to.deep.equal(before);
    expect(second!.roles, 'no role that came later').to.deep.equal(['USER_ADMIN']);
    expect(second!.permissions).to.have.members(before.permissions);
    expect(third!.roles).to.deep.equal(['AUDITOR']);
    expect(third!.permissions).to.include('iam.users:read').and.not.include('iam.users:create');
  });

  it('ends where whoever asked, or the tenant, may not have it done any more', async () => {
    const { access, apiKeys, clients, tenants, users } = rooms();
    const permission = 'iam.users:create';
    type Asker = { call: TenantCall; userId: UserId };
    const endings: Record<string, (asker: Asker) => Promise<unknown>> = {
      suspended: ({ call, userId }) => users.suspend(call, userId),
      deactivated: ({ call, userId }) => users.deactivate(call, userId),
      'without the role': ({ call, userId }) => access.setUserRoles(call, userId, ['AUDITOR']),
      'in a tenant that is shut': ({ call }) => tenants.suspend(call),
      'in a tenant that is deleted': ({ call }) => tenants.remove(call),
    };
    for (const [name, end] of Object.entries(endings)) {
      const call = await aTenant();
      const userId = await aUser(call, { roles: ['USER_ADMIN'] });
      const held = await access.accessOf(call, userId);
      const asker: Actor = { kind: 'user', userId, sessionUid: 'uid', ...held };
      expect(await runOf(call, asker, permission, () => end({ call, userId })), name).to.equal('forbidden');
      expect(await runOf(await aTenant(), call.actor, permission, async () => {}), 'the house').to.equal(null);
    }

    const call = await aTenant();
    const userId = await aUser(call, { roles: ['USER_ADMIN'] });
    const { apiKey } = await apiKeys.create(call, { name: 'Key', scopes: [permission], userId });
    const owner = { kind: 'user', userId } as const;
    const byKey = { kind: 'api-key', keyId: apiKey.id, owner, permissions: [permission] } as const;
    expect(await runOf(call, byKey, permission, async () => {}), 'a key').to.equal(null);
    expect(await runOf(call, byKey, permission, () => apiKeys.revoke(call, apiKey.id))).to.equal('forbidden');

    const { client } = await clients.create(call, { kind: 'service', name: 'Machine' });
    const { clientId } = client;
    await access.setClientRoles(call, clientId, ['USER_ADMIN']);
    const byClient = { kind: 'client', clientId, permissions: [permission] } as const;
    expect(await runOf(call, byClient, permission, async () => {}), 'a client').to.equal(null);
    expect(await runOf(call, byClient, permission, () => clients.disable(call, clientId))).to.equal('forbidden');
  });

  /** Of a job of two steps, between which something happens: the failure that it ends with. */
  async function runOf(call: TenantCall, who: Actor, permission: string, between: () => Promise<unknown>) {
    const house = aHouse(
      async ({ save }) => {
        await save(async () => ({ done: 1 }));
        await between();
        await save(async () => ({ done: 2 }));
        return {};
      },
      { permission },
    );
    const { id } = await house.jobs.create(as(call, who), house.kind);
    await house.workAll();
    const { failure, done } = await house.jobs.get(call, id);
    expect(done, 'steps that were kept').to.equal(failure === null ? 2 : 1);
    return failure;
  }

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
