import { expect } from 'chai';
import { newSecret, provisioningUri, qrCode, stepOf } from '../../../src/domain/factors/totp.ts';

/** The secret of RFC 6238, appendix B, in base 32. */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const at = (seconds: number) => new Date(seconds * 1000);

describe('a code of an authenticator application', () => {
  it('is that of RFC 6238, appendix B (its last six digits)', async () => {
    const vectors: [seconds: number, code: string][] = [
      [59, '287082'],
      [1_111_111_109, '081804'],
      [1_111_111_111, '050471'],
      [1_234_567_890, '005924'],
      [2_000_000_000, '279037'],
      [20_000_000_000, '353130'],
    ];
    for (const [seconds, code] of vectors)
      expect(await stepOf(code, SECRET, at(seconds)), code).to.equal(Math.floor(seconds / 30));
  });

  it('is good in its own step and the next, and in no other', async () => {
    const step = 37_037_037;
    const start = step * 30;
    const code = '050471';
    for (const [seconds, good] of [
      [-31, false],
      [-1, false],
      [0, true],
      [29, true],
      [30, true],
      [59, true],
      [60, false],
      [90, false],
    ] as const)
      expect(await stepOf(code, SECRET, at(start + seconds)), `${seconds} s`).to.equal(good ? step : undefined);
  });

  it('may be typed with spaces and in the digits of any script', async () => {
    for (const typed of ['050 471', ' 050471\n', '０５０４７１', '٠٥٠٤٧١', '۰۵۰۴۷۱', '050-471', '\u2068050471\u2069'])
      expect(await stepOf(typed, SECRET, at(1_111_111_111)), typed).to.equal(37_037_037);
  });

  it('is refused, never an error, where it is no code at all', async () => {
    const none = [
      '',
      '50471',
      '+50471',
      '0050471',
      '05047a',
      '0x5047',
      '5.0471',
      '0'.repeat(10_000),
      '\ud800',
      '05047१',
    ];
    for (const typed of none) expect(await stepOf(typed, SECRET, at(1_111_111_111)), typed).to.equal(undefined);
    expect(await stepOf('050471', 'not base 32', at(1_111_111_111))).to.equal(undefined);
  });
});

describe('a secret for an authenticator application', () => {
  it('has 160 bits, and is another each time', () => {
    const [one, two] = [newSecret(), newSecret()];
    expect(one).to.match(/^[A-Z2-7]{32}$/);
    expect(one).not.to.equal(two);
  });

  it('is told as a URI that names tenant and person, and as a picture', async () => {
    const uri = provisioningUri({ issuer: 'Acme: shop', label: 'ann@example.com', secret: SECRET });
    const { protocol, host, pathname, searchParams } = new URL(uri);
    expect([protocol, host]).to.deep.equal(['otpauth:', 'totp']);
    expect(decodeURIComponent(pathname)).to.equal('/Acme  shop:ann@example.com');
    expect(searchParams.get('secret')).to.equal(SECRET);
    expect(await qrCode(uri)).to.match(/^data:image\/png;base64,iVBORw0KGgo/);
  });
});
