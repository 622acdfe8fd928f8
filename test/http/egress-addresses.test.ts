import { expect } from 'chai';
import { createEgress } from '../../src/http/egress.ts';
import type { EgressReason } from '../../src/http/egress-url.ts';
import { Failure } from '../../src/kernel/failure.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { aLog } from '../support/http.ts';
import { answering, type Listener, listening } from '../support/listener.ts';
import { reasonOf } from './egress-reason.ts';

const { log } = aLog();
const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}';

/** This machine, its network and the clouds' metadata, in every way to write them. */
const HOSTS = [
  '127.0.0.1',
  '2130706433',
  '0177.0.0.1',
  '0x7f.1',
  '0x7f000001',
  '127.1',
  '0',
  '0.0.0.0',
  '[::]',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[64:ff9b::7f00:1]',
  'localhost',
  'localhost.',
  'LOCALHOST',
  'a.localhost',
  '１２７.0.0.1',
  '169.254.169.254',
  '10.0.0.1',
  '[fd00::1]',
  '[fe80::1]',
];

describe('egress: what is never called', () => {
  let trap: Listener;
  before(async () => {
    trap = await listening();
  });
  after(() => trap.close());

  const closed = createEgress({ allowedCidrs: [], log });

  for (const host of HOSTS) {
    it(`${host}, neither when saved nor when called, and no connection is made`, async () => {
      const url = `https://${host}:${trap.port}/`;
      expect(await reasonOf(closed.fetch(url))).to.equal('address');
      expect(() => closed.assertUrl(url))
        .to.throw(Failure)
        .with.nested.property('details.reason', 'address');
      expect(trap.connections()).to.equal(0);
    });
  }

  const urls: [string, EgressReason][] = [
    ['http://example.com/', 'cleartext'],
    ['https://user:pass@example.com/', 'url'],
    ['https://user@example.com/', 'url'],
    ['file:///etc/passwd', 'url'],
    ['gopher://example.com/', 'url'],
    ['data:text/plain,x', 'url'],
    ['not a url', 'url'],
    [`https://example.com/${'a'.repeat(LIMITS.egressUrlChars)}`, 'url'],
    ['https://example.com:22/', 'port'],
    ['https://example.com:25/', 'port'],
    ['https://example.com:1023/', 'port'],
    ['https://example.com:6667/', 'port'],
  ];
  for (const [url, reason] of urls) {
    it(`${url.slice(0, 40)}: ${reason}`, async () => {
      expect(await reasonOf(closed.fetch(url))).to.equal(reason);
      expect(() => closed.assertUrl(url))
        .to.throw(Failure)
        .with.nested.property('details.reason', reason);
    });
  }

  it('a name that resolves to a private address, alone or beside a public one', async () => {
    for (const answers of [
      ['127.0.0.1'],
      ['93.184.216.34', '127.0.0.1'],
      ['::ffff:127.0.0.1'],
      ['2606:4700::1', 'fd00::1'],
    ]) {
      const egress = createEgress({ allowedCidrs: [], log, resolve: async () => answers });
      expect(await reasonOf(egress.fetch(`https://rp.example:${trap.port}/`))).to.equal('address');
    }
    expect(trap.connections()).to.equal(0);
  });

  it('a name that resolves to nothing, or to what is no address', async () => {
    for (const resolve of [async () => [], async () => ['nonsense'], () => Promise.reject(new Error('ENOTFOUND'))]) {
      expect(await reasonOf(createEgress({ allowedCidrs: [], log, resolve }).fetch('https://rp.example/'))).to.equal(
        'unresolved',
      );
    }
  });

  it('http to a public address, even where the operator allows some networks', async () => {
    const egress = createEgress({ allowedCidrs: ['127.0.0.0/8'], log, resolve: async () => ['93.184.216.34'] });
    expect(await reasonOf(egress.fetch('http://rp.example/'))).to.equal('cleartext');
    expect(await reasonOf(egress.fetch(`http://10.0.0.1:${trap.port}/`))).to.equal('address');
  });

  it('a second DNS answer: a name is resolved once, and the checked address is the one that is called', async () => {
    const open = await listening(answering(OK));
    const answers = [['127.0.0.1'], ['127.0.0.2']];
    let asked = 0;
    const egress = createEgress({ allowedCidrs: ['127.0.0.1'], log, resolve: async () => answers[asked++]! });

    expect((await egress.fetch(`http://rebind.example:${open.port}/`)).status).to.equal(200);
    expect(asked).to.equal(1);
    expect(await reasonOf(egress.fetch(`http://rebind.example:${open.port}/`))).to.equal('address');
    expect(open.connections()).to.equal(1);
    await open.close();
  });
});
