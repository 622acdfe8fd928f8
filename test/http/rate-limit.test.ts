import { expect } from 'chai';
import { createPool } from '../../src/database/pool.ts';
import { createRateLimiter, type RateRule, rateHeaders } from '../../src/http/rate-limit.ts';
import { newId } from '../../src/kernel/ids.ts';
import { databaseUrl, pool } from '../support/database.ts';
import { aLog } from '../support/http.ts';

const aRule = (rule: Partial<RateRule> = {}): RateRule => ({ name: `test-${newId()}`, points: 3, seconds: 60, per: 'ip', count: 'exact', ...rule });
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
    expect(rateHeaders([first])).to.deep.equal({ 'RateLimit-Policy': '"test-headers";q=1;w=60', RateLimit: '"test-headers";r=0;t=60' });
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
  it('costs one statement for ten requests, and none after it is over', async () => {
    const rule = aRule({ points: 25, count: 'reported' });
    const own = createPool(databaseUrl(), { max: 1, name: 'reported' });
    const seen: string[] = [];
    const acquire = own.client.acquireConnection.bind(own.client);
    own.client.acquireConnection = async () => {
      seen.push('statement');
      return acquire();
    };
    const node = createRateLimiter({ counters: own, log: aLog().log });
    expect((await spend(node, rule, 60)).filter((refused) => !refused)).to.have.length(25);
    await own.destroy();
    expect(seen.length).to.be.within(2, 3);
  });

  it('is shared: what one node has counted, the other learns', async () => {
    const rule = aRule({ points: 20, count: 'reported' });
    const [first, second] = [aNode(), aNode()];
    await spend(first, rule, 20);
    await until(async () => (await pointsOf()) >= 20);
    await spend(second, rule, 10);
    await until(async () => (await second.spend(rule, 'a'))!.isOver);
  });

  async function pointsOf(): Promise<number> {
    const rows = await pool()('rate_limits').max('points as points').where('key', 'like', 'api:%');
    return Number(rows[0]?.['points'] ?? 0);
  }
});

/** Asks again until it is so; the test's own time limit ends it. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}
