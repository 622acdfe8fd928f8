import { expect } from 'chai';
import { createPool } from '../../src/database/pool.ts';
import { createErrorAnswers } from '../../src/http/error-answers.ts';
import { createHealth, type HealthDeps } from '../../src/http/health.ts';
import { createMetrics } from '../../src/http/metrics.ts';
import { pool } from '../support/database.ts';
import { aLog, get, raw, serving } from '../support/http.ts';

let stop: (() => Promise<void>) | undefined;

async function asking(over: Partial<HealthDeps> = {}) {
  const metrics = createMetrics();
  const health = createHealth({
    version: '1.2.3',
    pingDatabase: () => pool().raw('select 1'),
    isMigrated: () => true,
    isDraining: () => false,
    metrics,
    internalCidrs: ['127.0.0.0/8'],
    ...over,
  });
  const served = await serving([createErrorAnswers(aLog().log), health]);
  stop = served.stop;
  return { metrics, ask: async (path: string, headers = {}) => get(served.port, path, headers), port: served.port };
}

describe('health', () => {
  afterEach(async () => {
    await stop?.();
  });

  it('/health says that the process lives, though the database does not', async () => {
    const { ask } = await asking({
      pingDatabase: () => Promise.reject(new Error('gone')),
      isMigrated: () => false,
      isDraining: () => true,
    });
    const answer = await ask('/health');
    expect(answer.status).to.equal(200);
    expect(JSON.parse(answer.body)).to.deep.equal({ status: 'ok', version: '1.2.3' });
  });

  it('/ready says yes when requests can be served', async () => {
    const answer = await (await asking()).ask('/ready');
    expect(answer.status).to.equal(200);
    expect(JSON.parse(answer.body)).to.deep.equal({
      status: 'ready',
      checks: { database: 'ok', migrations: 'ok', draining: false },
    });
  });

  for (const [what, over, checks] of [
    ['draining', { isDraining: () => true }, { database: 'ok', migrations: 'ok', draining: true }],
    ['not migrated', { isMigrated: () => false }, { database: 'ok', migrations: 'pending', draining: false }],
  ] as const) {
    it(`/ready says no while ${what}`, async () => {
      const answer = await (await asking(over)).ask('/ready');
      expect(answer.status).to.equal(503);
      expect(answer.headers.get('retry-after')).to.equal('1');
      expect(JSON.parse(answer.body)).to.deep.equal({ status: 'not_ready', checks });
    });
  }

  it('/ready says no when nobody listens at the database', async () => {
    const away = createPool('postgres://nobody@127.0.0.1:1/none');
    const answer = await (await asking({ pingDatabase: () => away.raw('select 1') })).ask('/ready');
    expect(answer.status).to.equal(503);
    expect(JSON.parse(answer.body)).to.have.nested.property('checks.database', 'unreachable');
    await away.destroy();
  });

  it('/ready says no when the database is silent, and asks it once for all who ask', async () => {
    let pings = 0;
    const pingDatabase = () => {
      pings++;
      return new Promise(() => {});
    };
    const { ask } = await asking({ pingDatabase });
    for (const answer of await Promise.all([ask('/ready'), ask('/ready'), ask('/ready')]))
      expect(answer.status).to.equal(503);
    expect(pings).to.equal(1);
  });

  it('/metrics is Prometheus text for internal networks', async () => {
    const { ask, metrics } = await asking();
    metrics.countSignIn('success');
    metrics.countToken('refresh_token');
    metrics.gauge('hash_queue', 'Waiting.', () => 7);
    const answer = await ask('/metrics');
    expect(answer.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
    for (const line of [
      'gatehouse_sign_ins_total{outcome="success"} 1',
      'gatehouse_tokens_total{grant="refresh_token"} 1',
      'gatehouse_hash_queue 7',
      'process_cpu_seconds_total',
      'nodejs_eventloop_utilization_ratio',
    ]) {
      expect(answer.body).to.contain(line);
    }
  });

  it('/metrics is not there for anyone else, whatever the headers say', async () => {
    const { ask } = await asking({ internalCidrs: ['10.0.0.0/8'] });
    const answer = await ask('/metrics', { 'x-forwarded-for': '10.0.0.1', 'x-real-ip': '10.0.0.1' });
    expect(answer.status).to.equal(404);
    expect(answer.body).to.equal((await ask('/nothing')).body);
  });

  it('answers to reading only', async () => {
    const { port } = await asking();
    expect(
      (await raw(port, 'POST /health HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')).status,
    ).to.equal(404);
    expect((await raw(port, 'HEAD /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).status).to.equal(200);
  });
});
