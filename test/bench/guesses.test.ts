import { expect } from 'chai';
import { type BenchServer, openBenchServer } from '../../bench/database.ts';
import { heavyGuesses, reportGuesses } from '../../bench/heavy/guesses.ts';
import { LIMITS } from '../../src/kernel/limits.ts';

describe('the heavy run over guesses', () => {
  let server: BenchServer;
  before(async () => {
    server = await openBenchServer({ durable: false });
  });
  after(() => server.stop());

  it('lets the owner in on a known browser at any time, and holds strangers under the limit (CR05)', async function () {
    this.timeout(120_000);
    const guesses = LIMITS.strangerFailures * 2;
    const settings = { ARGON2_MEMORY_KIB: '8192', ARGON2_PASSES: '1' };
    const figures = await heavyGuesses(server, { guesses, atOnce: 8, settings });

    expect(figures.owner.during.map(({ status }) => status)).to.deep.equal(Array.from({ length: 10 }, () => 200));
    expect(figures.owner.after).to.equal(200);
    // A hundred, and then one at a time with a pause that doubles from two seconds.
    expect(figures.lookedAt).to.be.within(LIMITS.strangerFailures, LIMITS.strangerFailures + 10);
    expect(figures.lookedAt + figures.held).to.equal(guesses);
    expect(figures.statuses).to.deep.equal({ 401: guesses });
    expect(figures.bodies).to.equal(1);
    expect(figures.strangerWithPassword).to.equal(401);
    expect(reportGuesses(figures)).to.contain('looked at');
  });
});
