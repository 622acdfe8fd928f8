import { expect } from 'chai';
import { checkedNode, keyOfName, mayHold, NODE_TYPES } from '../../../src/domain/nodes/node.ts';
import { Failure } from '../../../src/kernel/failure.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';

const refusalOf = (work: () => unknown): unknown => {
  try {
    work();
    return 'accepted';
  } catch (error) {
    return error instanceof Failure ? error.code : error;
  }
};

describe('the types of nodes', () => {
  it('stand in each other from the outside in, and levels may be left out or repeated', () => {
    const below = Object.fromEntries(
      (['tenant', ...NODE_TYPES] as const).map((above) => [above, NODE_TYPES.filter((type) => mayHold(above, type))]),
    );
    expect(below).to.deep.equal({
      tenant: ['organization', 'facility', 'department', 'team'],
      organization: ['organization', 'facility', 'department', 'team'],
      facility: ['facility', 'department', 'team'],
      department: ['department', 'team'],
      team: ['team'],
    });
    expect(NODE_TYPES.filter((type) => mayHold(type, 'tenant'))).to.deep.equal([]);
  });
});

describe('what is said of a node', () => {
  it('is stored in its canonical form', () => {
    expect(checkedNode({ name: '  North  Clinic ', legalName: 'North Clinic Ltd.', country: 'IR' })).to.deep.equal({
      name: 'North  Clinic',
      nameKey: 'north clinic',
      legalName: 'North Clinic Ltd.',
      legalKey: 'north clinic ltd.',
      country: 'IR',
      status: 'active',
    });
    expect(keyOfName('ＮＯＲＴＨ　Clinic')).to.equal('north clinic');
  });

  it('is refused where it is not what it claims to be', () => {
    for (const name of ['', '   ', 'a\u0000b', 'a\u202eb', 'x'.repeat(LIMITS.nameChars + 1), '\ud800'])
      expect(
        refusalOf(() => checkedNode({ name })),
        JSON.stringify(name),
      ).to.equal('invalid_input');
    expect(refusalOf(() => checkedNode({ name: 'A', legalName: ' ' }))).to.equal('invalid_input');
    for (const country of ['', 'us', 'USA', 'XX', 'UK', 'EU'])
      expect(
        refusalOf(() => checkedNode({ name: 'A', country })),
        country,
      ).to.equal('invalid_input');
  });

  it('has a name that an index can take, however long it becomes', () => {
    // U+FDFA is one letter, and eighteen when it is compared.
    const letters = Math.floor(LIMITS.nodeKeyChars / 18);
    expect(refusalOf(() => checkedNode({ name: '\ufdfa'.repeat(letters) }))).to.equal('accepted');
    expect(refusalOf(() => checkedNode({ name: '\ufdfa'.repeat(letters + 1) }))).to.equal('invalid_input');
  });
});
