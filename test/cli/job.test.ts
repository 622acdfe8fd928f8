import { expect } from 'chai';
import { jobIds, webhookIds } from '../../src/api/v1/ids.ts';
import type { CliHouse, Terminal } from '../../src/cli/command.ts';
import { contractsToRead } from '../../src/cli/open.ts';
import { progressBar } from '../../src/cli/progress.ts';
import { run } from '../../src/cli/run.ts';
import type { Job } from '../../src/domain/jobs/job.ts';
import { Failure } from '../../src/kernel/failure.ts';
import type { JobId } from '../../src/kernel/ids.ts';
import { aHouse, count, timePasses } from '../domain/jobs/house.ts';
import { aWebhook } from '../support/events.ts';
import { aTenant, operator, rooms } from '../support/rooms.ts';

type House = ReturnType<typeof aHouse>;

/** Runs a command line in a house with one kind of work. */
async function gatehouse(
  line: string,
  { jobs }: Pick<House, 'jobs'>,
  { onLive }: { onLive?: (line: string) => void } = {},
) {
  const said = { out: [] as string[], err: [] as string[], live: [] as string[] };
  const terminal: Terminal = {
    out: (text) => void said.out.push(text),
    err: (text) => void said.err.push(text),
    live: onLive && ((text) => [said.live.push(text), onLive(text)]),
    readInput: async () => '',
    open: async () => ({
      services: { ...rooms(), jobs } as unknown as CliHouse['services'],
      platformSlug: 'nobody',
      operator: () => ({ ...operator(), now: new Date() }),
      issueInitialAccessToken: async () => '',
      close: async () => {},
    }),
    migrate: async () => [],
    contracts: contractsToRead,
  };
  const code = await run(line.split(' '), terminal);
  return { code, ...said };
}

describe('gatehouse job', function () {
  this.timeout(30_000);

  async function aJob(house: House) {
    const call = await aTenant();
    const { id } = await house.jobs.create(call, house.kind);
    return { call, id, on: `${jobIds.encode(id)} --tenant ${call.tenant.slug}` };
  }

  it('follows a job that a server does, with a bar where somebody looks on', async () => {
    const seen = Promise.withResolvers<void>();
    const house = aHouse(async (job) => {
      await job.save(async () => ({ done: 1_500, total: 6_000, errors: [{ line: 7, message: 'no address' }] }));
      await seen.promise;
      return { made: 5_999 };
    });
    const { on } = await aJob(house);
    const work = (await house.take())!();
    const onLive = (line: string) => {
      if (line.startsWith('[')) seen.resolve();
    };
    const { code, out, err, live } = await gatehouse(`job follow ${on}`, house, { onLive });
    await work;
    expect(code).to.equal(0);
    expect(
      live.some((line) => line.startsWith('[██████░░░░░░░░░░░░░░░░░░]  25 %  1,500 of 6,000  1 problem')),
    ).to.equal(true);
    expect(live.at(-1)).to.equal('');
    expect(err).to.deep.equal(['line 7: no address']);
    expect(out).to.deep.equal(['succeeded: 1,500 done  1 problem, made: 5999']);
  });

  it('says a line for each tenth where nobody looks on, and does the work itself where it is told to', async () => {
    const house = aHouse((job) => count(job, 40));
    const { on } = await aJob(house);
    const { code, out, err, live } = await gatehouse(`job follow ${on} --work`, house);
    expect([code, out, live]).to.deep.equal([0, ['succeeded: 40 done, last: 40'], []]);
    expect(err[0]).to.equal('waiting for a server');
    expect(new Set(err).size).to.equal(err.length);
  });

  it('answers 1 for one that failed, and for one that is cancelled', async () => {
    const house = aHouse(async () => {
      throw new Failure('too_large');
    });
    const failing = await aJob(house);
    const failed = await gatehouse(`job follow ${failing.on} --work`, house);
    expect([failed.code, failed.out]).to.deep.equal([1, ['failed (too_large): 0 done']]);

    const waiting = await aJob(house);
    expect(await gatehouse(`job cancel ${waiting.on}`, house)).to.deep.include({ code: 0, out: ['cancelled'] });
    expect(await gatehouse(`job follow ${waiting.on}`, house)).to.deep.include({ code: 1, out: ['cancelled: 0 done'] });
    expect((await gatehouse(`job cancel ${failing.on}`, house)).code).to.equal(1);
  });

  it('takes no other job than the one it was told of', async () => {
    const house = aHouse(async () => ({}));
    const [other, mine] = [await aJob(house), await aJob(house)];
    await timePasses(other.call, other.id);
    expect((await gatehouse(`job follow ${mine.on} --work`, house)).code).to.equal(0);
    expect(await house.jobs.get(other.call, other.id)).to.include({ state: 'queued' });
  });

  it('lists the jobs of a tenant', async () => {
    const house = aHouse(async () => ({}));
    const { id, call } = await aJob(house);
    const { out } = await gatehouse(`job list --tenant ${call.tenant.slug}`, house);
    expect(out[0]).to.include(jobIds.encode(id)).and.include('queued');
    expect((await gatehouse(`job list --tenant ${(await aTenant()).tenant.slug}`, house)).out).to.deep.equal([
      'There is none.',
    ]);
    expect((await gatehouse('job follow job_x', house)).code).to.equal(64);
  });
});

describe('the bar of a job', () => {
  const at = new Date('2026-01-01T00:01:40Z');
  const job = (more: Partial<Job>): Job => ({
    ...{
      id: '' as JobId,
      kind: 'k',
      state: 'running',
      owner: '',
      errors: [],
      errorCount: 0,
      result: null,
      failure: null,
    },
    ...{
      cancel: false,
      createdAt: at,
      startedAt: new Date('2026-01-01T00:00:00Z'),
      finishedAt: null,
      done: 0,
      total: 100,
    },
    ...more,
  });

  it('says how much is done, what went wrong, and how long it may take', () => {
    const shown = (more: Partial<Job>) => progressBar(job(more), at);
    expect(shown({ state: 'queued' })).to.equal('waiting for a server');
    expect(shown({ total: null, done: 1_234 })).to.equal('1,234 done');
    expect(shown({ done: 0 })).to.equal(`[${'░'.repeat(24)}]   0 %  0 of 100`);
    expect(shown({ done: 50, errorCount: 2 })).to.equal(
      `[${'█'.repeat(12)}${'░'.repeat(12)}]  50 %  50 of 100  2 problems  2 min left`,
    );
    expect(shown({ done: 80 })).to.match(/ {2}80 %.* {2}25 s left$/);
    expect(shown({ done: 1 })).to.match(/ {2}3 h left$/);
    expect(shown({ done: 120 })).to.equal(`[${'█'.repeat(24)}] 100 %  120 of 100`);
    expect(shown({ done: 0, total: 0 })).to.include('100 %');
  });
});

describe('gatehouse webhook', () => {
  it('lists the webhooks of a tenant, and gives one another secret', async () => {
    const call = await aTenant();
    const { id, secret } = await aWebhook(call, { url: 'https://hooks.example/a', events: ['user.*'] });
    const house = aHouse(async () => ({}));
    const { out } = await gatehouse(`webhook list --tenant ${call.tenant.slug}`, house);
    expect(out).to.deep.equal([`${webhookIds.encode(id)}  active  https://hooks.example/a  user.*`]);
    const rotated = await gatehouse(
      `webhook rotate ${webhookIds.encode(id)} --overlap 60 --tenant ${call.tenant.slug}`,
      house,
    );
    expect(rotated.out[0])
      .to.match(/^secret: whsec_/)
      .and.not.include(secret);
    expect(rotated.out[1]).to.match(/^the old one signs too until/);
    const now = { ...call, now: new Date() };
    expect(await rooms().webhooks.secretsOf(now, id)).to.deep.equal([rotated.out[0]!.slice('secret: '.length), secret]);
    expect((await gatehouse('webhook rotate whk_x', house)).code).to.equal(64);
  });
});
