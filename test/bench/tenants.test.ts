import { expect } from 'chai';
import { type BenchServer, openBenchServer } from '../../bench/database.ts';
import { heavyTenants, reportTenants } from '../../bench/heavy/tenants.ts';

describe('the heavy run over tenants', () => {
  let server: BenchServer;
  before(async () => {
    server = await openBenchServer({ durable: false });
  });
  after(() => server.stop());

  it('applies, starts and asks every tenant it names, and says what it found', async function () {
    this.timeout(120_000);
    const figures = await heavyTenants(server, { tenants: 50, cold: 5, warm: 20, restarts: 1, restMs: 0 });

    expect(figures.many).to.include({ tenants: 50 });
    expect([figures.cold.count, figures.woken.count]).to.deep.equal([5, 5]);
    expect(figures.memory.map(({ served }) => served)).to.deep.equal([20]);
    for (const figure of [figures.few.idleMb, figures.many.startMs, figures.cold.medianMs, figures.woken.medianMs])
      expect(figure).to.be.greaterThan(0);
    expect(reportTenants(figures))
      .to.match(/\| 50 +\|/)
      .and.to.contain('that has no keys yet');
  });
});
