import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import type { JobId } from '../../../src/kernel/ids.ts';
import { databaseUrl } from '../../support/database.ts';
import { eventually } from '../../support/oauth.ts';
import { endProcesses, type NodeProcess, startProcess } from '../../support/process.ts';
import { aTenant, MASTER_KEY } from '../../support/rooms.ts';
import { aHouse, numbers, textOf, timePasses } from './house.ts';

const SCRIPT = 'test/domain/jobs/job-node.ts';

describe('a job on real nodes', function () {
  this.timeout(120_000);
  after(endProcesses);

  async function aJob() {
    const call = await aTenant();
    const house = aHouse(async () => ({}));
    const { id } = await house.jobs.create(call, house.kind);
    const node = (thinkBefore = 0): NodeProcess =>
      startProcess({}, [SCRIPT, databaseUrl(), MASTER_KEY.toString('base64url'), house.kind, String(thinkBefore)]);
    return { call, id, jobs: house.jobs, node };
  }

  const ends = (call: TenantCall, id: JobId, { jobs }: Pick<Awaited<ReturnType<typeof aJob>>, 'jobs'>) =>
    eventually(
      'the job ends',
      async () => {
        // A lease runs out sooner or later; here it does so now.
        const { rowCount } = await inTransaction(call, (tx) =>
          tx.db.raw(`update jobs set due_at = now() where tenant_id = ? and id = ? and state = 'queued'`, [
            call.tenantId,
            id,
          ]),
        );
        return rowCount === 0 && (await jobs.get(call, id)).finishedAt !== null;
      },
      60_000,
    );

  it('is finished by the next one when its node is killed, with every step once', async () => {
    const one = await aJob();
    const first = one.node(8);
    await first.hasPrinted('thinks before 8');
    await first.kill();
    expect(await one.jobs.get(one.call, one.id)).to.include({ state: 'running', done: 7 });

    await timePasses(one.call, one.id);
    const second = one.node();
    await ends(one.call, one.id, one);
    await second.stop();
    expect(await textOf(one.jobs, one.call, one.id)).to.equal(numbers(20));
    expect(await one.jobs.get(one.call, one.id)).to.include({ state: 'succeeded', done: 20 });
  });

  it('is nothing any more to a node that was stopped and comes back', async () => {
    const one = await aJob();
    const first = one.node(8);
    await first.hasPrinted('thinks before 8');
    first.child.kill('SIGSTOP');
    await timePasses(one.call, one.id);
    const second = one.node();
    await ends(one.call, one.id, one);

    first.child.kill('SIGCONT');
    first.child.kill('SIGUSR2');
    await first.hasPrinted('ended: the job was stopped (lost)');
    await Promise.all([first.stop(), second.stop()]);
    expect(await textOf(one.jobs, one.call, one.id)).to.equal(numbers(20));
  });

  it('is handed over at once when its node stops in good order', async () => {
    const one = await aJob();
    const first = one.node(8);
    await first.hasPrinted('thinks before 8');
    first.child.kill('SIGUSR2');
    expect(await first.stop()).to.equal(0);
    const second = one.node();
    await ends(one.call, one.id, one);
    await second.stop();
    expect(await textOf(one.jobs, one.call, one.id)).to.equal(numbers(20));
  });
});
