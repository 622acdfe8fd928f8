import { expect } from 'chai';
import { createCounter } from '../../src/kernel/counter.ts';
import { newId } from '../../src/kernel/ids.ts';
import { counters, pool } from '../support/database.ts';
import { expectFailure } from '../support/expect.ts';

describe('a counter', () => {
  const aCounter = (hidesKeys = false) => {
    const name = `test-${newId()}`;
    return { name, ...createCounter(counters(), { name, points: 2, seconds: 60, hidesKeys }) };
  };

  it('takes as many as it has points for each key, and says when to come again', async () => {
    const { name, take, isOver } = aCounter();
    expect(await take('ann')).to.equal(`${name}:ann`);
    await take('ann');
    const { retryAfter } = await expectFailure('rate_limited', take('ann'));
    expect(retryAfter).to.be.within(1, 60);
    expect([await isOver('bob'), await isOver('bob'), await isOver('bob')]).to.deep.equal([false, false, true]);
  });

  it('takes fewer where somebody has set fewer', async () => {
    const { take } = aCounter();
    await take('ann', 1);
    await expectFailure('rate_limited', take('ann', 1));
  });

  it('keeps no key that names somebody, where it is told to', async () => {
    const { name, take } = aCounter(true);
    await take('ann@acme.test');
    const rows = await pool()('rate_limits').whereLike('key', `${name}:%`).select('key');
    expect(rows).to.have.length(1);
    expect(rows[0].key).not.to.include('ann');
  });
});
