import { expect } from 'chai';
import { isUuid, newId } from '../../src/kernel/ids.ts';

describe('a new id', () => {
  it('is a UUID of version 7 that begins with the moment it was made', () => {
    const earliest = Date.now();
    const id = newId();
    const made = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
    expect(isUuid(id)).to.equal(true);
    expect(id).to.match(/^[0-9a-f-]{14}7[0-9a-f]{3}-[89ab]/);
    // Ids made faster than 4,096 a millisecond run a little ahead of the clock.
    expect(made).to.be.within(earliest, Date.now() + 1_000);
  });

  it('is greater than all before it, however many there are in one millisecond', () => {
    const ids = Array.from({ length: 50_000 }, () => newId());
    expect(ids).to.deep.equal(ids.toSorted());
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('cannot be told from the one before it', () => {
    const ends = new Set(Array.from({ length: 1_000 }, () => newId().slice(19)));
    expect(ends.size).to.equal(1_000);
  });
});
