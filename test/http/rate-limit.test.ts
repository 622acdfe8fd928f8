import { expect } from 'chai';
import type { Knex } from 'knex';
import { createPool } from '../../src/database/pool.ts';
import { createRateLimiter, type RateRule, rateHeaders } from '../../src/http/rate-limit.ts';
import { newId } from '../../src/kernel/ids.ts';
import { databaseUrl, pool } from '../support/database.ts';
import { aLog } from '../support/http.ts';

const aRule = (rule: Partial<RateRule> = {}): RateRule => ({
  name: `test-${newId()}`,
  points: 3,
  seconds: 60,
  per: 'ip',
  count: 'exact',
  ...rule,
});
const aNode = (overrides = {}) => createRateLimiter({ counters: pool(), log: aLog().log, overrides });

/** What a node says to each of `times` requests, one after another. */
async function spend(node: ReturnType<typeof aNode>, rule: RateRule, times: number, who = 'a'): Promise<boolean[]> {
  const refused: boolean[] = [];
  for (let at = 0; at < times; at++) refused.push((await node.spend(rule, who))!.isOver);
  return refused;
}

describe('a rate limit', () => {
  it('refuses what is over it, and nobody else', async () => {
    const [node, rule] = [aNode(), aRule()];
    expect(await spend(node, rule, 5)).to.deep.equal([false, false, false, true, true]);
    expect(await spend(node, rule, 1, 'b')).to.deep.equal([false]);
    expect(await spend(node, aRule(), 1)).to.deep.equal([false]);
  });

  it('lets exactly as many through when all come at once, at two nodes', async () => {
    const [rule, nodes] = [aRule(), [aNode(), aNode()]];
    const all = await Promise.all(Array.from({ length: 20 }, (_, at) => nodes[at % 2]!.spend(rule, 'a')));
    expect(all.filter((spent) => !spent!.isOver)).to.have.length(3);
  });

  it('says where the caller stands', async () => {
    const [node, rule] = [aNode(), aRule({ name: 'test-headers', points: 1 })];
    const who = newId();
    const first = (await node.spend(rule, who))!;
    expect(rateHeaders([first])).to.deep.equal({
      'RateLimit-Policy': '"test-headers";q=1;w=60',
      RateLimit: '"test-headers";r=0;t=60',
    });
    const second = rateHeaders([first, (await node.spend(rule, who))!]);
    expect(second['RateLimit']).to.match(/^"test-headers";r=0;t=\d+, "test-headers";r=0;t=\d+$/);
    expect(Number(second['Retry-After'])).to.be.within(1, 60);
    expect(rateHeaders([])).to.deep.equal({});
  });

  it('keeps no address in the database', async () => {
    const rule = aRule();
    const before = new Set(await pool()('rate_limits').pluck('key'));
    await aNode().spend(rule, '192.0.2.77');
    const added = (await pool()('rate_limits').pluck('key')).filter((key: string) => !before.has(key));
    expect(added).to.have.length(1);
    expect(added[0]).to.match(/^api:[\w-]{43}$/);
  });

  it('can be changed or turned off by name', async () => {
    const rule = aRule();
    expect(await aNode({ [rule.name]: false }).spend(rule, 'a')).to.equal(undefined);
    expect(await spend(aNode({ [rule.name]: { points: 1, seconds: 60 } }), rule, 2)).to.deep.equal([false, true]);
  });

  it('is kept by the node alone while the database is away', async () => {
    const away = createPool(databaseUrl().replace(/:\d+\//, ':1/'), { max: 1, name: 'away' });
    const { log, text } = aLog();
    const node = createRateLimiter({ counters: away, log });
    expect(await spend(node, aRule(), 4)).to.deep.equal([false, false, false, true]);
    expect(text()).to.include('counted by this node alone');
    await away.destroy();
  });
});

describe('a reported rate limit', () => {
  let counters: Knex;
  // One connection: what is asked over it after a report is answered after it.
  before(() => {
    counters = createPool(databaseUrl(), { max: 1, name: 'reported' });
  });
  after(() => counters.destroy());
  const reportsAreDone = () => counters.raw('select 1');

  it('lets as many through as it says, and asks the database for one of ten at most', async () => {
    const rule = aRule({ points: 25, count: 'reported' });
    const acquire = counters.client.acquireConnection.bind(counters.client);
    let statements = 0;
    counters.client.acquireConnection = () => {
      statements += 1;
      return acquire();
    };
    const node = createRateLimiter({ counters, log: aLog().log });
    expect((await spend(node, rule, 60)).filter((refused) => !refused)).to.have.length(25);
    expect(statements).to.be.within(1, 3);
    await reportsAreDone();
  });

  it('is shared: what one node has counted, the other learns', async () => {
    const rule = aRule({ points: 20, count: 'reported' });
    const [first, second] = [1, 2].map(() => createRateLimiter({ counters, log: aLog().log }));
    await spend(first!, rule, 10);
    await reportsAreDone();
    expect(await spend(second!, rule, 10)).not.to.include(true);
    await reportsAreDone();
    expect(await spend(second!, rule, 1)).to.deep.equal([true]);
  });
});
