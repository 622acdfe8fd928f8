import { expect } from 'chai';
import { auditOf } from '../support/rooms.ts';
import { servingV1 } from '../support/v1.ts';
import { everyWrite, makerOf, ownerOf, sendWrite } from '../support/write-requests.ts';
import { WRITES } from '../support/writes.ts';

describe('every write', function () {
  this.timeout(60_000);
  const people = servingV1();

  for (const route of everyWrite) {
    it(`of ${route.contract.name} ${route.name} leaves its line in the audit trail, and no other`, async () => {
      const { make, leaves } = makerOf(route);
      const owner = await ownerOf(people, route);
      const write = await make(owner);
      const before = await auditOf(owner.site.call);
      const answer = await sendWrite(owner, route, write);
      expect(answer.status, answer.text).to.be.within(200, 299);
      expect((await auditOf(owner.site.call)).slice(before.length)).to.deep.equal(leaves);
    });
  }

  it('has no request for an operation that is not there', () => {
    const named = Object.entries(WRITES).flatMap(([contract, makers]) =>
      Object.keys(makers).map((name) => `${contract} ${name}`),
    );
    expect(named.sort()).to.deep.equal(everyWrite.map(({ contract, name }) => `${contract.name} ${name}`).sort());
  });
});
