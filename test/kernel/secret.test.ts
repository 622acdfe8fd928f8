import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { deriveKey, equalSecrets, randomToken, seal, unseal } from '../../src/kernel/secret.ts';

const key = randomBytes(32);

describe('a sealed value', () => {
  it('opens at its own place', () => {
    expect(unseal(key, 'acme/users/phone/1', seal(key, 'acme/users/phone/1', Buffer.from('x'))).toString()).to.equal(
      'x',
    );
  });

  it('does not open at another place, under another key, or changed', () => {
    const sealed = seal(key, 'acme/users/phone/1', Buffer.from('a secret'));
    expect(() => unseal(key, 'globex/users/phone/1', sealed)).to.throw();
    expect(() => unseal(randomBytes(32), 'acme/users/phone/1', sealed)).to.throw();
    sealed[14]! ^= 1;
    expect(() => unseal(key, 'acme/users/phone/1', sealed)).to.throw();
  });

  it('is another one each time', () => {
    const seals = new Set(Array.from({ length: 1_000 }, () => seal(key, 'p', Buffer.from('x')).toString('hex')));
    expect(seals).to.have.lengthOf(1_000);
  });
});

describe('keys and tokens', () => {
  it('differ by purpose', () => {
    expect(deriveKey(key, 'cookies')).not.to.deep.equal(deriveKey(key, 'csrf'));
  });

  it('have at least 128 bits', () => {
    expect(() => randomToken(15)).to.throw(RangeError);
    expect(randomToken()).to.match(/^[\w-]{43}$/);
  });

  it('are compared by value, whatever their length', () => {
    expect(equalSecrets('abc', 'abc')).to.equal(true);
    expect(equalSecrets('abc', 'abcd')).to.equal(false);
    expect(equalSecrets('abc', 'abd')).to.equal(false);
  });
});
