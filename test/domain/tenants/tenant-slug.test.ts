import { expect } from 'chai';
import { checkedSlug, slugsFor } from '../../../src/domain/tenants/tenant-slug.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';

describe('the slug of a tenant that brings none', () => {
  it('is made of the letters and digits of its name', () => {
    expect(slugsFor(' Clinique Émile & Søn, № 7 ')[0]).to.equal('clinique-emile-s-n-no-7');
    expect(slugsFor('ACME')[0]).to.equal('acme');
  });

  it('ends in something random where the name says nothing, or is taken', () => {
    for (const name of ['مستشفى', '!!!', '日本'])
      for (const slug of slugsFor(name)) expect(slug).to.match(/^tenant-[a-z0-9]{5}$/);
    const [first, ...others] = slugsFor('Acme');
    expect(first).to.equal('acme');
    expect(new Set(others).size).to.equal(others.length);
    for (const slug of others) expect(slug).to.match(/^acme-[a-z0-9]{5}$/);
  });

  it('is one that a tenant may have, whatever the name', () => {
    for (const name of ['api', 'OAuth', `${'x'.repeat(LIMITS.nameChars)}`, `${'x'.repeat(56)} y`, '--', 'ﷺ', '-a-'])
      for (const slug of slugsFor(name)) expect(checkedSlug(slug)).to.equal(slug);
  });
});
