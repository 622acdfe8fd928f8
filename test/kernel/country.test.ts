import { expect } from 'chai';
import { isCountry } from '../../src/kernel/country.ts';

describe('a country', () => {
  it('is one of those that ISO 3166-1 has assigned, in capitals', () => {
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
    const codes = letters.flatMap((first) => letters.map((second) => first + second)).filter(isCountry);
    const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
    expect(codes).to.have.lengthOf(249);
    expect(codes.filter((code) => names.of(code) === undefined)).to.deep.equal([]);
    for (const code of ['', 'us', 'USA', 'XX', 'ZZ', 'UK', 'EU', 'SU']) expect(isCountry(code), code).to.equal(false);
  });
});
