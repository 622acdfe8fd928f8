import { expect } from 'chai';
import fc from 'fast-check';
import { tenantIds, userIds } from '../../../src/api/v1/ids.ts';
import { isUuid, newId, type UserId } from '../../../src/kernel/ids.ts';

describe('an id of v1', () => {
  it('is the UUID’s 128 bits, and gives it back', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        const text = userIds.encode(uuid as UserId);
        expect(text).to.match(/^usr_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
        expect(userIds.decode(text)).to.equal(uuid);
      }),
    );
  });

  it('has the letters that the ULID specification gives its bits', () => {
    expect(userIds.encode('ffffffff-ffff-ffff-ffff-ffffffffffff' as UserId)).to.equal('usr_7ZZZZZZZZZZZZZZZZZZZZZZZZZ');
    expect(userIds.encode('00000000-0000-0000-0000-000000000020' as UserId)).to.equal('usr_00000000000000000000000010');
  });

  it('sorts as its UUID does', () => {
    const uuids = Array.from({ length: 50 }, () => newId<UserId>());
    expect(uuids.map(userIds.encode).toSorted()).to.deep.equal(uuids.toSorted().map(userIds.encode));
  });

  it('has one spelling', () => {
    const text = userIds.encode(newId());
    const wrong = [
      text.toLowerCase(),
      text.slice(0, -1),
      `${text}0`,
      ` ${text}`,
      `${text}\n`,
      text.replace('usr_', 'ten_'),
      text.slice(4),
      `usr_8${'Z'.repeat(25)}`,
      `usr_0${'I'.repeat(25)}`,
      `usr_0${'U'.repeat(25)}`,
      '',
    ];
    for (const other of wrong) {
      expect(userIds.decode(other), other).to.equal(undefined);
      expect(userIds.schema.safeParse(other).success, other).to.equal(false);
    }
    expect(isUuid(userIds.schema.parse(text))).to.equal(true);
    expect(tenantIds.decode(text)).to.equal(undefined);
  });
});
