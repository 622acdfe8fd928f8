import { expect } from 'chai';
import { type BenchServer, openBenchServer } from '../../bench/database.ts';
import { compareStorages, reportStorages } from '../../bench/heavy/node-storages.ts';
import { heavyNodes, reportNodes } from '../../bench/heavy/nodes.ts';

describe('the heavy run over nodes', function () {
  this.timeout(120_000);
  let server: BenchServer;
  before(async () => {
    server = await openBenchServer({ durable: false });
  });
  after(() => server.stop());

  it('plants a tree, asks it everything, and shows how', async () => {
    const figures = await heavyNodes(server, { fanOut: [3, 4, 3, 2], users: 50, places: 5, rounds: 1 });

    expect(figures.nodes).to.equal(1 + 3 + 12 + 36 + 72);
    const rowsOf = Object.fromEntries(figures.measured.map(({ what, rows }) => [what, rows]));
    expect(rowsOf).to.include({
      'a node and all above it': 5,
      'a small part of the tree': 1 + 3 + 6,
      'a large part of the tree': 1 + 4 + 12 + 24,
      'all nodes, the first page': 50,
    });
    for (const { what, ms } of figures.measured) expect(ms, what).to.be.greaterThan(0);
    for (const { what, plan } of figures.plans) expect(plan, what).to.match(/Scan[\s\S]+Execution Time/);
    expect(reportNodes(figures)).to.contain('of 124 nodes').and.to.contain('access context');
  });

  it('keeps the same tree in four ways, which answer alike', async () => {
    const figures = await compareStorages(server, { fanOut: [2, 3, 2], rounds: 1 });
    for (const what of ['large', 'small', 'ancestors'] as const) {
      const answers = new Set(figures.map((storage) => storage[what].rows));
      expect([what, answers.size]).to.deep.equal([what, 1]);
    }
    expect(reportStorages(figures)).to.contain('parent').and.to.contain('closure');
  });
});
