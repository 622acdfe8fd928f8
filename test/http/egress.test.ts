import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { createEgress, type EgressInit } from '../../src/http/egress.ts';
import type { EgressReason } from '../../src/http/egress-url.ts';

import { LIMITS } from '../../src/kernel/limits.ts';
import { aCertificate } from '../support/certificate.ts';
import { aLog } from '../support/http.ts';
import { answering, listening } from '../support/listener.ts';
import { reasonOf } from './egress-reason.ts';

const { log } = aLog();
const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}';

describe('egress: what an answer may be', () => {
  const egress = createEgress({ allowedCidrs: ['127.0.0.0/8'], log });

  async function answered(
    answer: Parameters<typeof answering>[0],
    init: Parameters<typeof egress.fetch>[1] = {},
  ): Promise<EgressReason | 'none'> {
    const peer = await listening(answering(answer));
    const reason = await reasonOf(egress.fetch(`http://127.0.0.1:${peer.port}/`, init));
    expect(peer.connections()).to.equal(1);
    await peer.close();
    return reason;
  }

  it('is taken up to the limit of bytes, and not one more', async () => {
    const body = (bytes: number) => `HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${'x'.repeat(bytes)}`;
    expect(await answered(body(LIMITS.egressBodyBytes))).to.equal('none');
    expect(await answered(body(LIMITS.egressBodyBytes + 1))).to.equal('too_large');
    expect(await answered(body(11), { bodyBytes: 10 })).to.equal('too_large');
    expect(await answered(`HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nx`)).to.equal('too_large');
  });

  it('is never a redirect, wherever it leads', async () => {
    const target = await listening();
    for (const status of [301, 302, 303, 307, 308, 304]) {
      expect(
        await answered(
          `HTTP/1.1 ${status} Moved\r\nlocation: http://127.0.0.1:${target.port}/\r\ncontent-length: 0\r\n\r\n`,
        ),
      ).to.equal('redirect');
    }
    expect(target.connections()).to.equal(0);
    await target.close();
  });

  it('is never compressed', async () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000));
    const reason = await answered((socket, head) => {
      expect(head.toLowerCase()).to.contain('accept-encoding: identity');
      socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
      socket.end(bomb);
    });
    expect(reason).to.equal('encoding');
  });

  it('has a head of bounded size', async () => {
    const head = (lines: string) => `HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${lines}\r\n`;
    expect(await answered(head('x: y\r\n'.repeat(LIMITS.egressHeaders - 1)))).to.equal('none');
    expect(await answered(head('x: y\r\n'.repeat(LIMITS.egressHeaders)))).to.equal('too_large');
    expect(await answered(head('x: y\r\n'.repeat(100_000)))).to.equal('too_large');
    expect(await answered(head(`x: ${'y'.repeat(LIMITS.egressHeaderBytes)}\r\n`))).to.equal('too_large');
  });

  it('is of the type the caller expects', async () => {
    expect(await answered(OK, { contentTypes: ['application/json'] })).to.equal('none');
    expect(
      await answered('HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n', {
        contentTypes: ['application/json'],
      }),
    ).to.equal('content_type');
  });

  it('ends in time, though it drips', async () => {
    const dripping = answered(
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
        const drip = setInterval(() => socket.write('x'), 10);
        socket.once('close', () => clearInterval(drip));
      },
      { timeoutMs: 100 },
    );
    expect(await dripping).to.equal('timeout');
  });

  it('ends in time, though its head, its connection or its name never comes', async () => {
    expect(await answered(() => {}, { timeoutMs: 50 })).to.equal('timeout');
    const deaf = createEgress({ allowedCidrs: [], log, resolve: () => new Promise(() => {}) });
    expect(await reasonOf(deaf.fetch('https://rp.example/', { timeoutMs: 50 }))).to.equal('timeout');
  });

  it('ends when the caller gives up', async () => {
    const caller = new AbortController();
    expect(await answered(() => caller.abort(), { signal: caller.signal })).to.equal('timeout');
  });

  it('is no answer when the other side hangs up or is not there', async () => {
    expect(await answered((socket) => socket.destroy())).to.equal('network');
    const gone = await listening();
    await gone.close();
    expect(await reasonOf(egress.fetch(`http://127.0.0.1:${gone.port}/`))).to.equal('network');
  });
});

describe('egress: what is sent', () => {
  it('is what fetch would send: method, headers, form; as the OIDC core asks for it', async () => {
    const heard = Promise.withResolvers<string>();
    const peer = await listening((socket) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += String(chunk);
        if (!text.includes('a=1')) return;
        heard.resolve(text);
        socket.end(OK);
      });
    });
    const options = {
      method: 'POST',
      redirect: 'manual' as const,
      headers: new Headers({ 'user-agent': '', 'content-type': 'application/x-www-form-urlencoded' }),
      body: new URLSearchParams({ a: '1' }),
      signal: AbortSignal.timeout(2_500),
      dispatcher: {},
    } as EgressInit;

    const response = await createEgress({ allowedCidrs: ['127.0.0.1'], log }).fetch(
      `http://127.0.0.1:${peer.port}/x?y=z`,
      options,
    );

    expect(await response.json()).to.deep.equal({});
    expect(response.headers.get('content-type')).to.equal('application/json');
    const text = await heard.promise;
    expect(text)
      .to.match(/^POST \/x\?y=z HTTP\/1\.1\r\n/)
      .and.contain('content-length: 3')
      .and.contain('application/x-www-form-urlencoded');
    expect(text).to.contain(`host: 127.0.0.1:${peer.port}`);
    await peer.close();
  });

  it('goes over TLS to the host that the URL names, though the address was resolved by us', async () => {
    const { key, cert } = aCertificate('rp.test');
    const names: unknown[] = [];
    const server = createTlsServer({ key, cert }, (request, response) => {
      names.push((request.socket as { servername?: unknown }).servername, request.headers.host);
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const egress = createEgress({ allowedCidrs: ['127.0.0.1'], log, ca: cert, resolve: async () => ['127.0.0.1'] });

    expect((await egress.fetch(`https://rp.test:${port}/`)).status).to.equal(200);
    expect(names).to.deep.equal(['rp.test', `rp.test:${port}`]);
    expect(await reasonOf(egress.fetch(`https://other.test:${port}/`))).to.equal('network');
    const distrusting = createEgress({ allowedCidrs: ['127.0.0.1'], log, resolve: async () => ['127.0.0.1'] });
    expect(await reasonOf(distrusting.fetch(`https://rp.test:${port}/`))).to.equal('network');
    server.close();
  });

  it('never goes to a proxy of the environment', async () => {
    const proxy = await listening((socket) => socket.destroy());
    const peer = await listening(answering(OK));
    const script = `
      import { createEgress } from './src/http/egress.ts';
      import { createLog } from './src/kernel/log.ts';
      const egress = createEgress({ allowedCidrs: ['127.0.0.1'], log: createLog({ level: 'silent', name: 'child' }) });
      const response = await egress.fetch('http://127.0.0.1:${peer.port}/');
      process.exit(response.status === 200 ? 0 : 1);`;
    const url = `http://127.0.0.1:${proxy.port}`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: {
        PATH: '/usr/bin',
        NODE_USE_ENV_PROXY: '1',
        HTTP_PROXY: url,
        HTTPS_PROXY: url,
        http_proxy: url,
        https_proxy: url,
      },
    });
    const [code] = await once(child, 'exit');

    expect(code).to.equal(0);
    expect(peer.connections()).to.equal(1);
    expect(proxy.connections()).to.equal(0);
    await Promise.all([proxy.close(), peer.close()]);
  });

  it('says in the log which host it was, and not the path', async () => {
    const { log: kept, text } = aLog();
    await reasonOf(
      createEgress({ allowedCidrs: [], log: kept }).fetch('https://127.0.0.1/hook/S3CRETPATH?token=S3CRETQUERY'),
    );
    expect(text()).to.contain('127.0.0.1').and.not.contain('S3CRET');
  });
});

describe('egress: the only way out', () => {
  it('no other file of src calls fetch, or opens http, https, http2 or undici', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && file !== 'http/egress.ts',
    );
    const offenders = files.filter((file) => {
      const source = readFileSync(`src/${file}`, 'utf8').replace(/^\s*(?:\*|\/\/|\/\*).*$/gm, '');
      // A bare or global fetch; `something.fetch(...)` is the injected one or a cache's.
      const calls =
        /(?<![.\w`])fetch\s*\(|globalThis\s*\.\s*fetch|from '(?:undici|node:https|https|node:http2|axios|got)'/.test(
          source,
        );
      const opens =
        /import\s*\{[^}]*\b(?:request|get|Agent)\b[^}]*\}\s*from '(?:node:)?http'|\bhttps?\.(?:request|get)\s*\(/.test(
          source,
        );
      return calls || opens;
    });

    expect(files.length).to.be.greaterThan(20);
    // A page's own script runs in the browser.
    expect(offenders.filter((file) => !/(?:^|\/)assets\//.test(file))).to.deep.equal([]);
  });
});
