import { expect } from 'chai';
import pg from 'pg';
import { createJobs, houseJobs, type Job } from '../../src/jobs/jobs.ts';
import { databaseUrl, superuserUrl } from '../support/database.ts';
import { aLog } from '../support/http.ts';
import { listening } from '../support/listener.ts';

const { log } = aLog();

function aJob(name: string, run: Job['run']): Job {
  return { name, cron: '0 0 1 1 *', deadlineSeconds: 60, run };
}

describe('jobs', function () {
  this.timeout(60_000);

  it('run on one node at a time, when they are asked for', async () => {
    const runs: string[] = [];
    const release = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const job = (node: string) =>
      aJob('test-exclusive', async () => {
        runs.push(node);
        entered.resolve();
        await release.promise;
      });
    const nodes = ['a', 'b'].map((node) =>
      createJobs({ address: databaseUrl(), log, jobs: [job(node)], pollSeconds: 0.5 }),
    );
    for (const node of nodes) node.start();
    await Promise.all(nodes.map((node) => node.ready()));

    await nodes[0]!.trigger('test-exclusive');
    await entered.promise;
    await nodes[1]!.trigger('test-exclusive');
    release.resolve();
    await Promise.all(nodes.map((node) => node.stop()));

    expect(runs).to.have.length(1);
  });

  it('that fail are told to the log, and asked for again they run again', async () => {
    const kept = aLog();
    let runs = 0;
    const again = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<void>();
    const job = aJob('test-failing', async () => {
      if (++runs === 1) {
        failed.resolve();
        throw new Error('the first time');
      }
      again.resolve();
    });
    const jobs = createJobs({ address: databaseUrl(), log: kept.log, jobs: [job], pollSeconds: 0.5 });
    jobs.start();
    await jobs.trigger('test-failing');
    await failed.promise;
    // Nothing happens while the failed one is not yet written off.
    while (runs < 2) await Promise.race([jobs.trigger('test-failing'), again.promise]);
    await jobs.stop();

    expect(kept.text()).to.contain('a job failed').and.contain('the first time');
  });

  it('go on when the database has cut their connections', async () => {
    const ran = Promise.withResolvers<void>();
    const jobs = createJobs({
      address: databaseUrl(),
      log,
      jobs: [aJob('test-cut', async () => ran.resolve())],
      pollSeconds: 0.5,
    });
    jobs.start();
    await jobs.ready();
    const client = new pg.Client(superuserUrl());
    await client.connect();
    await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gatehouse jobs'`,
    );
    await client.end();

    await jobs.trigger('test-cut').catch(() => jobs.trigger('test-cut'));
    await ran.promise;
    await jobs.stop();
  });

  it('do not hold a start up, nor an end, while the database is away', async () => {
    const nobody = await listening((socket) => socket.destroy());
    const jobs = createJobs({ address: `postgres://nobody@127.0.0.1:${nobody.port}/none`, log, jobs: [] });
    jobs.start();
    await jobs.stop();
    await nobody.close();
  });

  it('of the house sweep each minute, and each hour thoroughly', async () => {
    const swept: unknown[] = [];
    const jobs = houseJobs({ sweep: async ({ hourly }) => void swept.push(hourly) });
    for (const job of jobs) await job.run(new AbortController().signal);
    expect(jobs.map((job) => job.cron)).to.deep.equal(['* * * * *', '7 * * * *']);
    expect(swept).to.deep.equal([false, true]);
  });
});
