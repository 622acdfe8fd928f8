import { expect } from 'chai';
import { type BenchServer, openBenchServer } from '../../bench/database.ts';
import { heavyImport, reportImport } from '../../bench/heavy/import.ts';
import { heavyUsersList, reportUsersList } from '../../bench/heavy/users-list.ts';

describe('the heavy runs over users', function () {
  this.timeout(120_000);
  let server: BenchServer;
  before(async () => {
    server = await openBenchServer({ durable: false });
  });
  after(() => server.stop());

  it('list, filter and search a tenant, and show how', async () => {
    const figures = await heavyUsersList(server, { users: 12_000, rounds: 1 });
    const found = Object.fromEntries(figures.measured.map(({ what, rows, total }) => [what, [rows, total]]));
    expect(found).to.deep.include({
      'all, the first page': [50, 10_000],
      'of a rare status': [12, 12],
      'of a common status': [50, 10_000],
      'search that finds one': [1, 1],
      'search that finds one in ninety': [50, 1 + 10 + 100 + 1],
      'search that finds all': [50, 10_000],
      'search that finds nobody': [0, 0],
      'search that finds all, of a rare status': [12, 12],
    });
    for (const { what, plan } of figures.plans) expect(plan, what).to.match(/Scan[\s\S]+Execution Time/);
    expect(reportUsersList(figures)).to.contain('of 12000 users');
  });

  it('import a file through a node that is killed and one that goes on, each user once', async () => {
    const figures = await heavyImport(server, { users: 6_000, cutLease: true });
    expect(figures).to.include({ created: 6_000, passwords: 6_000, records: 6_000 });
    expect(figures.killedAt).to.be.lessThan(1);
    expect(reportImport(figures)).to.contain('6000 / 6000 / 6000');
  });
});
