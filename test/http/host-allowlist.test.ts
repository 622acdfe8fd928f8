import { expect } from 'chai';
import { createErrorAnswers } from '../../src/http/error-answers.ts';
import { createHostAllowlist, type HostAllowlist } from '../../src/http/host-allowlist.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { aLog, empty, raw, serving } from '../support/http.ts';

type Options = { publicUrl?: string; loopback?: boolean; domains?: string[] };

let stop: (() => Promise<void>) | undefined;
let asked: string[] = [];
let allowlist: HostAllowlist;

async function guarding({
  publicUrl = 'https://id.example',
  loopback = false,
  domains = [],
}: Options = {}): Promise<number> {
  asked = [];
  const isKnownHost = async (host: string) => {
    asked.push(host);
    if (host === 'broken.example') throw Object.assign(new Error('gone'), { code: 'ECONNREFUSED' });
    return domains.includes(host);
  };
  allowlist = createHostAllowlist({ publicUrl, loopback, isKnownHost });
  const served = await serving([createErrorAnswers(aLog().log), allowlist.middleware, empty]);
  stop = served.stop;
  return served.port;
}

const send = async (port: number, host: string, target = '/') =>
  (await raw(port, `GET ${target} HTTP/1.1\r\nconnection: close\r\n${host}\r\n`)).status;
const ask = (port: number, host: string) => send(port, `Host: ${host}\r\n`);

describe('the host allowlist', () => {
  afterEach(async () => {
    await stop?.();
  });

  it('lets the host of PUBLIC_URL in, in any spelling of its default port', async () => {
    const port = await guarding();
    for (const host of ['id.example', 'ID.Example', 'id.example:443']) expect(await ask(port, host)).to.equal(200);
    expect(asked).to.deep.equal([]);
  });

  it('sends other hosts and other ports away', async () => {
    const port = await guarding({ domains: ['login.acme.example'] });
    for (const host of [
      'evil.example',
      'id.example:8443',
      'id.example:80',
      'id.example.evil.example',
      'localhost',
      '127.0.0.1',
      '[::1]',
      'login.acme.example:99',
    ]) {
      expect(await ask(port, host), host).to.equal(421);
    }
  });

  it('keeps to the port of PUBLIC_URL where it has one', async () => {
    const port = await guarding({ publicUrl: 'http://id.example:8080' });
    expect(await ask(port, 'id.example:8080')).to.equal(200);
    expect(await ask(port, 'id.example')).to.equal(421);
  });

  it('lets a verified domain of a tenant in, and asks once', async () => {
    const port = await guarding({ domains: ['login.acme.example'] });
    for (let time = 0; time < 3; time++) {
      expect(await ask(port, 'Login.Acme.Example')).to.equal(200);
      expect(await ask(port, 'evil.example')).to.equal(421);
    }
    expect(asked).to.deep.equal(['login.acme.example', 'evil.example']);
  });

  it('asks again when it was told to forget', async () => {
    const domains: string[] = [];
    const port = await guarding({ domains });
    expect(await ask(port, 'new.example')).to.equal(421);
    domains.push('new.example');
    expect(await ask(port, 'new.example')).to.equal(421);
    allowlist.forget();
    expect(await ask(port, 'new.example')).to.equal(200);
  });

  it('does not send a tenant away because the database is', async () => {
    const port = await guarding();
    expect(await ask(port, 'broken.example')).to.equal(503);
  });

  it('knows loopback names in development only, at the port that is served', async () => {
    const port = await guarding({ loopback: true });
    for (const host of ['localhost', '127.0.0.1', '[::1]'])
      expect(await ask(port, `${host}:${port}`), host).to.equal(200);
    expect(await ask(port, 'localhost:1')).to.equal(421);
    expect(await ask(port, `192.168.0.1:${port}`)).to.equal(421);
  });

  for (const [what, host] of [
    ['two hosts', 'Host: id.example\r\nHost: id.example\r\n'],
    ['two hosts, one of them evil', 'Host: id.example\r\nhost: evil.example\r\n'],
    ['no host', ''],
    ['an empty host', 'Host: \r\n'],
    ['user info', 'Host: a@id.example\r\n'],
    ['a path', 'Host: id.example/x\r\n'],
    ['a list', 'Host: id.example, evil.example\r\n'],
    ['a bad port', 'Host: id.example:abc\r\n'],
    ['spaces', 'Host: id .example\r\n'],
    ['quotes', 'Host: "id.example"\r\n'],
    ['not ASCII', 'Host: íd.example\r\n'],
  ] as const) {
    it(`refuses ${what}`, async () => expect(await send(await guarding(), host)).to.equal(400));
  }

  for (const target of [
    'http://id.example/',
    'http://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    '*',
    'x',
  ]) {
    it(`refuses the target ${target}`, async () =>
      expect(await send(await guarding(), 'Host: id.example\r\n', target)).to.equal(400));
  }

  it('never reads X-Forwarded-Host', async () => {
    const port = await guarding();
    expect(await send(port, 'Host: id.example\r\nX-Forwarded-Host: evil.example\r\n')).to.equal(200);
    expect(await send(port, 'Host: evil.example\r\nX-Forwarded-Host: id.example\r\n')).to.equal(421);
  });

  it('refuses a URL that is one byte too long', async () => {
    const port = await guarding();
    const target = (bytes: number) => `/${'a'.repeat(bytes - 1)}`;
    expect(await send(port, 'Host: id.example\r\n', target(LIMITS.urlBytes))).to.equal(200);
    expect(await send(port, 'Host: id.example\r\n', target(LIMITS.urlBytes + 1))).to.equal(414);
  });
});
