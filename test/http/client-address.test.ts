import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import { createClientAddress } from '../../src/http/client-address.ts';
import { LIMITS } from '../../src/kernel/limits.ts';

let garbled = 0;
const clientOf = createClientAddress(['10.0.0.0/8', 'fd00::/8', '::1'], () => garbled++);

/** The part of a request that is read. */
function client(remoteAddress: string | undefined, headers: Record<string, string> = {}, encrypted = false) {
  return clientOf({ socket: { remoteAddress, encrypted }, headers } as unknown as IncomingMessage);
}
const ip = (remoteAddress: string, forwarded: string) => client(remoteAddress, { 'x-forwarded-for': forwarded }).ip;

describe('the client of a request', () => {
  it('is the peer, whatever it claims, when the peer is no proxy of ours', () => {
    const claims = {
      'x-forwarded-for': '10.9.9.9',
      'x-real-ip': '1.1.1.1',
      forwarded: 'for=1.1.1.1;proto=https',
      'x-forwarded-proto': 'https',
    };
    expect(client('198.51.100.7', claims)).to.deep.equal({ ip: '198.51.100.7', protocol: 'http' });
  });

  it('is what the nearest proxy saw, not what the client wrote to the left of it', () => {
    expect(ip('10.0.0.1', '203.0.113.5')).to.equal('203.0.113.5');
    expect(ip('10.0.0.1', '1.1.1.1, 203.0.113.5')).to.equal('203.0.113.5');
    expect(ip('10.0.0.1', '1.1.1.1,203.0.113.5 , 10.0.0.2')).to.equal('203.0.113.5');
    expect(ip('::ffff:10.0.0.1', '203.0.113.5')).to.equal('203.0.113.5');
  });

  it('is the leftmost where all of them are ours', () =>
    expect(ip('10.0.0.1', '10.0.0.3, 10.0.0.2')).to.equal('10.0.0.3'));

  it('is written in one way', () => {
    expect(ip('10.0.0.1', '::ffff:203.0.113.5')).to.equal('203.0.113.5');
    expect(ip('10.0.0.1', '2001:DB8:0::1')).to.equal('2001:db8::1');
    expect(ip('10.0.0.1', 'fe80::1%eth0')).to.equal('fe80::1');
    expect(ip('10.0.0.1', '203.0.113.5:1234')).to.equal('203.0.113.5');
    expect(ip('10.0.0.1', '[2001:db8::1]:1234')).to.equal('2001:db8::1');
    expect(client('fe80::1%eth0').ip).to.equal('fe80::1');
  });

  for (const text of [
    `'"<x>`,
    'unknown',
    '_hidden',
    '203.0.113.5,',
    ',',
    ', 10.0.0.2',
    '203.0.113.5, nonsense',
    '203.0.113.5;',
    '999.1.1.1',
    'x'.repeat(15_000),
  ]) {
    it(`is the socket's, and it is counted, when a proxy sends ${JSON.stringify(text.slice(0, 30))}`, () => {
      garbled = 0;
      expect(ip('10.0.0.1', text)).to.equal('10.0.0.1');
      expect(garbled).to.equal(1);
    });
  }

  it('is looked for over so many proxies, and not one more', () => {
    const chain = (proxies: number) => ['203.0.113.5', ...Array.from({ length: proxies }, () => '10.0.0.2')].join(', ');
    expect(ip('10.0.0.1', chain(LIMITS.forwardedHops - 1))).to.equal('203.0.113.5');
    expect(ip('10.0.0.1', chain(LIMITS.forwardedHops))).to.equal('10.0.0.1');
    expect(ip('10.0.0.1', chain(1_000))).to.equal('10.0.0.1');
  });

  it('came by https when the socket or a trusted proxy says so', () => {
    const protocol = (peer: string, value: string) => client(peer, { 'x-forwarded-proto': value }).protocol;
    expect(client('198.51.100.7', {}, true).protocol).to.equal('https');
    expect(protocol('10.0.0.1', 'https')).to.equal('https');
    expect(protocol('10.0.0.1', 'https, http')).to.equal('http');
    expect(protocol('10.0.0.1', 'javascript')).to.equal('http');
    expect(protocol('198.51.100.7', 'https')).to.equal('http');
  });

  it('is nobody in particular when the connection is already gone', () =>
    expect(client(undefined).ip).to.equal('0.0.0.0'));

  it('cannot be told with a network that is none', () =>
    expect(() => createClientAddress(['proxy'])).to.throw(RangeError));
});
