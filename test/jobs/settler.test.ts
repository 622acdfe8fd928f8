import { expect } from 'chai';
import { createSettler } from '../../src/jobs/settler.ts';
import { tamper } from '../domain/audit/trail.ts';
import { sender } from '../support/api.ts';
import { aLog } from '../support/http.ts';
import { aSite, PASSWORD, startNode, type TestNode } from '../support/node.ts';

describe('a settler', () => {
  it('does its work again and again, and a last time at the end; what it throws does not stop it', async () => {
    const { log, text } = aLog();
    let times = 0;
    const { promise: thrice, resolve } = Promise.withResolvers<void>();
    const settler = createSettler({
      log,
      async work() {
        times += 1;
        if (times === 1) throw new Error('the database is away');
        if (times === 3) resolve();
        return times === 2 ? 4 : 0;
      },
    });
    settler.start();
    await thrice;
    await settler.stop();
    expect(times).to.equal(4);
    expect(text()).to.include('could not be chained').and.include('"missing":4');
  });
});

describe('the trail of a running node', function () {
  this.timeout(60_000);
  let node: TestNode;
  before(async () => {
    node = await startNode({ background: true, settings: { RATE_LIMITS: 'false' } });
  });
  after(() => node.stop());

  it('is chained by itself, soon after each write', async () => {
    const { email, tenantId } = await aSite(node, { clients: [] });
    const { status } = await sender(() => node.port)('POST', '/api/v1/auth/login', {
      body: { email, password: PASSWORD },
    });
    expect(status).to.equal(200);
    const chained = `select from audit_chain where tenant_id = $1 and action = 'sign_in.succeeded'`;
    for (let count = 0; count === 0; ) count = (await tamper(chained, [tenantId])).rowCount ?? 0;
  });
});
