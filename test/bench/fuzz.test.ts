import { expect } from 'chai';
import { type BenchServer, openBenchServer } from '../../bench/database.ts';
import { heavyFuzz, reportFuzz } from '../../bench/heavy/fuzz.ts';
import { everyRoute } from '../support/write-requests.ts';

describe('the heavy run of random requests', () => {
  let server: BenchServer;
  before(async () => {
    server = await openBenchServer({ durable: false });
  });
  after(() => server.stop());

  it('asks every operation, and tells what it was answered', async function () {
    this.timeout(120_000);
    const figures = await heavyFuzz(server, { requests: everyRoute.length, seed: 7, atOnce: 4 });
    expect(Object.values(figures.statuses).reduce((sum, many) => sum + many)).to.equal(everyRoute.length);
    expect(figures.faults).to.deep.equal([]);
    expect(reportFuzz(figures)).to.contain('documented nowhere');
  });
});
