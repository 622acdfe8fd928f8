import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import type { Middleware } from 'koa';
import { createClientAddress } from '../../src/http/client-address.ts';
import { createMetrics } from '../../src/http/metrics.ts';
import { createRequestLog, type RequestFacts } from '../../src/http/request-log.ts';
import type { TenantId } from '../../src/kernel/ids.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { addLogFacts } from '../../src/kernel/log.ts';
import { aLog, empty, get, serving } from '../support/http.ts';

let stop: (() => Promise<void>) | undefined;

async function logging(route: Middleware) {
  const kept = aLog();
  const metrics = createMetrics();
  const served = await serving(
    [createRequestLog({ log: kept.log, clientOf: createClientAddress(['127.0.0.1']), metrics }), route],
    { log: kept.log },
  );
  stop = served.stop;
  return { ...kept, ...served, metrics };
}

describe('the request log', () => {
  afterEach(async () => {
    await stop?.();
  });

  it('writes one line a request, with its tenant, and nothing that was sent', async () => {
    const { port, lines, text, http } = await logging((ctx) => {
      addLogFacts({ tenantId: 'acme' as TenantId });
      ctx.body = { secret: 'S3CRETanswer' };
    });
    const answer = await get(port, '/t/acme/reset/S3CRET0123456789abc?code=S3CRET', {
      authorization: 'Bearer S3CRET',
      cookie: 's=S3CRET',
      'x-forwarded-for': '203.0.113.9',
      referer: 'https://x/?S3CRET',
    });
    await http.drain();

    expect(lines()).to.have.length(1);
    const line = lines()[0]!;
    expect(line).to.include({
      msg: 'request',
      method: 'GET',
      path: '/t/acme/reset/:masked',
      status: 200,
      ip: '203.0.113.9',
      tenantId: 'acme',
    });
    expect(line['requestId']).to.equal(answer.headers.get('x-request-id'));
    expect(line['ms']).to.be.a('number');
    expect(text()).not.to.contain('S3CRET');
  });

  it("echoes a caller's request id where it is a harmless one, and makes its own otherwise", async () => {
    const { port } = await logging(empty);
    const idFor = async (given: string) =>
      (await get(port, '/', { 'x-request-id': given })).headers.get('x-request-id')!;
    const longest = 'a'.repeat(LIMITS.requestIdChars);

    expect(await idFor('4bf92f3577b34da6a3ce929d0e0e4736')).to.equal('4bf92f3577b34da6a3ce929d0e0e4736');
    expect(await idFor(longest)).to.equal(longest);
    for (const bad of [
      `${longest}a`,
      'tab\tand more',
      '{"json":"breakout"}',
      'a b c d e f g h',
      '../../../etc/passwd',
    ]) {
      expect(await idFor(bad)).to.match(/^[0-9a-f-]{36}$/);
    }
  });

  it('tells later middlewares the client, the protocol and the request id', async () => {
    let seen: RequestFacts | undefined;
    const { port } = await logging((ctx) => {
      seen = ctx.state as RequestFacts;
      ctx.body = {};
    });
    const agent = 'x'.repeat(LIMITS.userAgentChars + 1);
    const answer = await get(port, '/', {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'https',
      'user-agent': agent,
    });
    expect(seen!.protocol).to.equal('https');
    expect(seen!.origin).to.deep.equal({
      ip: '203.0.113.9',
      userAgent: agent.slice(1),
      requestId: answer.headers.get('x-request-id'),
    });
  });

  it('notes a request that its client gave up as 499', async () => {
    const arrived = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const { port, lines } = await logging(async (ctx) => {
      arrived.resolve();
      await once(ctx.res, 'close');
      gone.resolve();
    });
    const socket = connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await arrived.promise;
    socket.destroy();
    await gone.promise;
    expect(lines()[0]).to.include({ status: 499 });
  });

  it('counts by the route, not by the path, and never by more routes than the limit', async () => {
    const metrics = createMetrics();
    for (let route = 0; route < LIMITS.metricRoutes + 100; route++)
      metrics.observeRequest('BREW', `/r${route}`, 200, 0.001);
    const routes = new Set((await metrics.text()).match(/http_request_duration_seconds_count\{[^}]*\}/g));
    expect(routes.size).to.equal(LIMITS.metricRoutes + 1);
    expect([...routes].at(-1)).to.contain('method="other",route="other"');

    const { port, metrics: counted, http } = await logging(empty);
    await get(port, '/any/path/123456');
    await http.drain();
    expect(await counted.text()).to.contain(
      'http_request_duration_seconds_count{method="GET",route="unmatched",status="200"} 1',
    );
  });
});
