import { expect } from 'chai';
import fc from 'fast-check';
import { formatAddress, networkOf, networks, parseAddress } from '../../src/kernel/address.ts';

const canonical = (text: string) => {
  const address = parseAddress(text);
  return address && formatAddress(address);
};

describe('parseAddress and formatAddress', () => {
  for (const [given, then] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::FFFF:7f00:1', '127.0.0.1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ] as const) {
    it(`${given} is ${then}`, () => expect(canonical(given)).to.equal(then));
  }

  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '::g',
    '1::2::3',
    '[::1]',
    '1.2.3.4:80',
    `\u0661.1.1.1`,
    '<x>',
    'a'.repeat(10_000),
  ]) {
    it(`${JSON.stringify(text.slice(0, 20))} is no address`, () => expect(parseAddress(text)).to.equal(undefined));
  }

  it('agrees with URL about every IPv6 address that is not a mapped one', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const ours = canonical(text);
        if (ours?.includes(':')) expect(`[${ours}]`).to.equal(new URL(`http://[${text}]/`).hostname);
      }),
    );
  });
});

describe('networks', () => {
  const has = (cidr: string, text: string) => networks([cidr]).has(parseAddress(text)!);

  it('holds what shares the prefix, to the bit', () => {
    expect(has('100.64.0.0/10', '100.127.255.255')).to.equal(true);
    expect(has('100.64.0.0/10', '100.128.0.0')).to.equal(false);
    expect(has('fc00::/7', 'fdff::1')).to.equal(true);
    expect(has('fc00::/7', 'fe00::1')).to.equal(false);
    expect(has('192.0.2.7', '192.0.2.7')).to.equal(true);
    expect(has('192.0.2.7', '192.0.2.8')).to.equal(false);
  });

  it('knows an IPv4 address under its IPv6 spelling, and does not take ::/0 for all of IPv4', () => {
    expect(has('10.0.0.0/8', '::ffff:10.1.2.3')).to.equal(true);
    expect(has('::/0', '10.1.2.3')).to.equal(false);
    expect(has('0.0.0.0/0', '10.1.2.3')).to.equal(true);
    expect(has('0.0.0.0/0', '2001:db8::1')).to.equal(false);
  });

  for (const text of ['10.0.0.0/33', '10.0.0/8', '::/129', '10.0.0.0/', '10.0.0.0/-1', 'all', '']) {
    it(`refuses ${JSON.stringify(text)} by name`, () =>
      expect(() => networks([text])).to.throw(RangeError, `not a network: ${text}`));
  }
});

describe('networkOf', () => {
  it('counts a household of IPv6 as one, and each IPv4 address by itself', () => {
    expect(networkOf('2001:db8:1:2:3:4:5:6')).to.equal('2001:db8:1:2::/64');
    expect(networkOf('2001:db8:1:2:ffff::')).to.equal('2001:db8:1:2::/64');
    expect(networkOf('::ffff:192.0.2.1')).to.equal('192.0.2.1');
    expect(networkOf('nonsense')).to.equal('nonsense');
  });
});
