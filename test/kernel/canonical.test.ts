import { expect } from 'chai';
import { canonicalDomain, canonicalEmail, canonicalUsername } from '../../src/kernel/canonical.ts';

describe('the canonical form of an e-mail address', () => {
  it('is the same whatever the case, the width and the spaces around', () => {
    for (const spelling of ['ann@acme.test', ' Ann@ACME.test ', 'ａnn@acme.test', 'ann@acme.test.']) {
      expect(canonicalEmail(spelling), spelling).to.equal('ann@acme.test');
    }
  });

  it('keeps apart what only looks alike', () => {
    expect(canonicalEmail('аnn@acme.test')).not.to.equal('ann@acme.test');
    expect(canonicalEmail('ann+x@acme.test')).to.equal('ann+x@acme.test');
  });

  it('is refused for what is not one plain address', () => {
    const none = [
      '',
      'ann',
      '@acme.test',
      'ann@',
      'ann@[127.0.0.1]',
      'ann@127.0.0.1',
      '"a b"@acme.test',
      'a@b.test,c@d.test',
      'ann@acme.test\r\nBcc: x@y.test',
      'ann\u200b@acme.test',
      `${'a'.repeat(65)}@acme.test`,
      `ann@${'a'.repeat(64)}.test`,
    ];
    for (const text of none) expect(canonicalEmail(text), text).to.equal(undefined);
  });

  it('does not end where a URL would end its host', () => {
    for (const domain of [
      'acme.test/path',
      'acme.test?x',
      'acme.test#x',
      'acme.test\\x',
      'acme%2etest',
      'x:y@acme.test:80',
    ]) {
      expect(canonicalDomain(domain), domain).to.equal(undefined);
      expect(canonicalEmail(`ann@${domain}`), domain).to.equal(undefined);
    }
  });

  it('writes an international domain in ASCII', () => {
    expect(canonicalEmail('ann@bücher.example')).to.equal('ann@xn--bcher-kva.example');
  });
});

describe('the canonical form of a user name', () => {
  it('has one case and width, and no spaces or marks of its own', () => {
    expect(canonicalUsername(' Ann.Lee ')).to.equal('ann.lee');
    for (const text of ['ann lee', 'ann@x', '', '.ann', 'a'.repeat(65)])
      expect(canonicalUsername(text), text).to.equal(undefined);
  });
});
