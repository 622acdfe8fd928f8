import { expect } from 'chai';
import { checkedUser, identifierOf, ownProfile } from '../../../src/domain/users/user.ts';
import { Failure } from '../../../src/kernel/failure.ts';

const refusalOf = (draft: object): unknown => {
  try {
    checkedUser({ email: 'ann@example.com', ...draft });
    return 'accepted';
  } catch (error) {
    return error instanceof Failure ? error.details['field'] : error;
  }
};

describe('what is said of a user', () => {
  it('is stored in its canonical form', () => {
    const user = checkedUser({
      email: ' Ann@EXAMPLE.com ',
      username: 'Ann.Lee',
      locale: 'EN-us',
      timezone: 'america/new_york',
      firstName: ' Ann ',
    });
    expect(user).to.include({
      email: 'Ann@EXAMPLE.com',
      emailCanonical: 'ann@example.com',
      username: 'Ann.Lee',
      usernameCanonical: 'ann.lee',
      locale: 'en-US',
      timezone: 'America/New_York',
      firstName: 'Ann',
    });
  });

  it('is refused where it is not what it claims to be', () => {
    for (const email of [
      '',
      'ann',
      'a@b@c',
      '"a b"@example.com',
      'ann@[127.0.0.1]',
      'ann@example.com\u0000',
      'ann@example.com,bob@example.com',
      'ann@example.com/x',
      'ann@example.com?x',
      'ann@example.com#x',
      'ann@example.com\\x',
      'ann@exa%2emple.com',
      `${'a'.repeat(320)}@example.com`,
    ]) {
      expect(refusalOf({ email }), email).to.equal('email');
    }
    for (const phone of ['12345', '+1', '0044123456789', '+1 555 123 4567', '+015551234567', '+1234567890123456'])
      expect(refusalOf({ phone }), phone).to.equal('phone');
    for (const locale of ['../../', '__proto__', 'x'.repeat(1_000), 'en_US'])
      expect(refusalOf({ locale }), locale).to.equal('locale');
    for (const timezone of ['../../etc', '__proto__', 'x'.repeat(1_000), '+01:00', 'Mars/Base'])
      expect(refusalOf({ timezone }), timezone).to.equal('timezone');
    for (const firstName of ['a\nb', 'a\u0000', 'a\u202eb', '\ud800', 'x'.repeat(101)])
      expect(refusalOf({ firstName })).to.equal('firstName');
    for (const username of ['', 'a b', '@ann', 'ann@example.com', 'x'.repeat(65)])
      expect(refusalOf({ username })).to.equal('username');
  });

  it('allows names as people have them', () => {
    for (const lastName of ["O'Brien", 'de la Cruz', 'Nguyễn', '李', 'فاطمة', '👩‍🚀'.repeat(10)])
      expect(refusalOf({ lastName }), lastName).to.equal('accepted');
  });

  it('calls no phone verified that is not there', () => {
    expect(checkedUser({ email: 'ann@example.com', phoneVerified: true }).phoneVerified).to.equal(false);
  });
});

describe('what a person says of themselves', () => {
  it('has a user name only where the tenant leaves it to them', () => {
    expect(() => ownProfile({ username: null }, { ownUsername: false })).to.throw(Failure, /not allowed/i);
    expect(ownProfile({ username: 'ann' }, { ownUsername: true })).to.deep.equal({ username: 'ann' });
    expect(ownProfile({ firstName: 'Ann' }, { ownUsername: false })).to.deep.equal({ firstName: 'Ann' });
  });
});

describe('an identifier', () => {
  it('is an e-mail address or a user name, however it is written', () => {
    expect(identifierOf('ANN@Example.COM')).to.deep.equal({ kind: 'email', canonical: 'ann@example.com' });
    expect(identifierOf(' Ann.Lee ')).to.deep.equal({ kind: 'username', canonical: 'ann.lee' });
    expect(identifierOf('ann lee')).to.equal(undefined);
    expect(identifierOf('a'.repeat(100_000))).to.equal(undefined);
  });
});
