import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { expect } from 'chai';
import type { Middleware } from 'koa';
import { createErrorAnswers } from '../../src/http/error-answers.ts';
import { createHostAllowlist } from '../../src/http/host-allowlist.ts';
import { createSecurityHeaders } from '../../src/http/security-headers.ts';
import { Failure } from '../../src/kernel/failure.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { aLog, empty, get, type RawAnswer, raw, serving } from '../support/http.ts';

const publicUrl = 'https://id.test';
const everyAnswerHas = [
  'strict-transport-security',
  'x-content-type-options',
  'x-frame-options',
  'referrer-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'permissions-policy',
  'content-security-policy',
  'cache-control',
];

function expectHeaders(answer: RawAnswer): void {
  for (const name of everyAnswerHas) expect(answer.headers.has(name), `${answer.status}: ${name}`).to.equal(true);
  expect(answer.headers.has('server')).to.equal(false);
  expect(answer.headers.has('x-powered-by')).to.equal(false);
}

function house(routes: Middleware, log = aLog().log): Middleware[] {
  const hosts = createHostAllowlist({ publicUrl, loopback: false, isKnownHost: async () => false });
  return [createSecurityHeaders(publicUrl), createErrorAnswers(log), hosts.middleware, routes];
}

describe('every answer', () => {
  const kept = aLog();
  const routes: Middleware = (ctx, next) => {
    if (ctx.path === '/ok') ctx.body = { ok: true };
    else if (ctx.path === '/page') {
      ctx.set('Content-Security-Policy', "default-src 'self'");
      ctx.body = '<p>page';
    } else if (ctx.path === '/bug') throw new Error('S3CRET in a bug');
    else if (ctx.path === '/busy') throw new Failure('busy');
    else if (ctx.path === '/large') throw new Failure('too_large');
    else if (ctx.path === '/away') throw Object.assign(new Error('no'), { code: '57P01' });
    else if (ctx.path === '/throw') ctx.throw(415, 'S3CRET');
    else if (ctx.path === '/redirect') ctx.redirect('/ok');
    else return next();
  };
  let port: number;
  let stop: () => Promise<void>;
  before(async () => {
    ({ port, stop } = await serving(house(routes, kept.log), { publicUrl }));
  });
  after(() => stop());

  for (const [path, status] of [
    ['/ok', 200],
    ['/page', 200],
    ['/redirect', 302],
    ['/none', 404],
    ['/large', 413],
    ['/throw', 415],
    ['/bug', 500],
    ['/busy', 503],
    ['/away', 503],
  ] as const) {
    it(`${status} at ${path} carries the security headers, and tells nothing else`, async () => {
      const answer = await get(port, path);
      expect(answer.status).to.equal(status);
      expectHeaders(answer);
      expect(answer.body).not.to.contain('S3CRET');
      if (status >= 400) expect(JSON.parse(answer.body)).to.have.keys('error', 'error_description');
      if (status === 503) expect(answer.headers.get('retry-after')).to.match(/^\d+$/);
    });
  }

  it('421, 431, 400 and 408 too', async () => {
    expectHeaders(await get(port, '/ok', { host: 'evil.test' }));
    for (const [bytes, status] of [
      [`GET / HTTP/1.1\r\nhost: id.test\r\nx: ${'y'.repeat(LIMITS.headerBytes)}\r\n\r\n`, 431],
      [`GET / HTTP/1.1\r\nhost: id.test\r\nconnection: close\r\n${'x: y\r\n'.repeat(LIMITS.requestHeaders)}\r\n`, 431],
      ['nonsense\r\n\r\n', 400],
    ] as const) {
      const answer = await raw(port, bytes);
      expect(answer.status).to.equal(status);
      expectHeaders(answer);
      expect(answer.headers.get('connection')).to.equal('close');
      expect(JSON.parse(answer.body)).to.have.property('error', 'invalid_request');
    }
  });

  it('a page may set a policy of its own', async () => {
    expect((await get(port, '/page')).headers.get('content-security-policy')).to.equal("default-src 'self'");
    expect((await get(port, '/ok')).headers.get('content-security-policy')).to.equal(
      "default-src 'none'; frame-ancestors 'none'",
    );
  });

  it('promises https only where the server has it', async () => {
    const plain = await serving([createSecurityHeaders('http://localhost:3000'), empty]);
    expect((await get(plain.port, '/')).headers.has('strict-transport-security')).to.equal(false);
    await plain.stop();
  });
});

describe('the server', () => {
  for (const [what, bytes] of [
    [
      'a length and chunks at once',
      'POST / HTTP/1.1\r\nhost: id.test\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    [
      'an obfuscated transfer encoding',
      'POST / HTTP/1.1\r\nhost: id.test\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n',
    ],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: id.test\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd'],
    ['a bare line feed', 'GET / HTTP/1.1\nhost: id.test\n\n'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nhost : id.test\r\n\r\n'],
    ['a folded header', 'GET / HTTP/1.1\r\nhost: id.test\r\n x: y\r\n\r\n'],
  ] as const) {
    it(`answers ${what} with 400 and closes`, async () => {
      const { port, stop } = await serving(house(empty), { publicUrl });
      // What is smuggled behind it is never answered: the connection ends after one answer.
      const answer = await raw(port, `${bytes}GET /ok HTTP/1.1\r\nhost: id.test\r\n\r\n`);
      expect(answer.status).to.equal(400);
      await stop();
    });
  }

  it('has every limit set', async () => {
    const { http, stop } = await serving([]);
    expect(http.server).to.include({
      headersTimeout: LIMITS.headersTimeoutMs,
      requestTimeout: LIMITS.requestTimeoutMs,
      keepAliveTimeout: LIMITS.keepAliveMs,
      maxConnections: LIMITS.maxConnections,
    });
    await stop();
  });
});

describe('drain', () => {
  /** A route that answers when it is told to. */
  function held() {
    const arrived = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const route: Middleware = async (ctx) => {
      arrived.resolve();
      await release.promise;
      ctx.body = { done: true };
    };
    return { route, arrived: arrived.promise, release: release.resolve };
  }

  it('lets a busy request end, with Connection: close, and takes no new connection', async () => {
    const { route, arrived, release } = held();
    const { port, http } = await serving([route]);
    const answer = raw(port, 'GET / HTTP/1.1\r\nhost: id.test\r\n\r\n');
    await arrived;

    const drained = http.drain();
    expect(http.isDraining()).to.equal(true);
    const [refused] = await once(connect(port, '127.0.0.1'), 'error');
    expect(refused).to.have.property('code', 'ECONNREFUSED');
    release();

    expect(await answer).to.include({ status: 200, body: '{"done":true}' });
    expect((await answer).headers.get('connection')).to.equal('close');
    expect(await drained).to.equal(0);
    expect(await http.drain()).to.equal(0);
  });

  it('closes idle kept-alive connections at once', async () => {
    const { port, http } = await serving([empty]);
    const agent = new Agent({ keepAlive: true });
    const sent = request({ port, agent, host: '127.0.0.1' }).end();
    const [response] = await once(sent, 'response');
    const gone = once(sent.socket!, 'close');
    response.resume();
    await once(response, 'end');

    expect(await http.drain()).to.equal(0);
    await gone;
    agent.destroy();
  });

  it('cuts what does not end in time, and says how many', async () => {
    const { route, arrived, release } = held();
    const { port, http } = await serving([route]);
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    const gone = once(socket, 'close');
    socket.write('GET / HTTP/1.1\r\nhost: id.test\r\n\r\n');
    await arrived;

    expect(await http.drain(10)).to.equal(1);
    await gone;
    release();
  });
});
