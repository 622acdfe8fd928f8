import { expect } from 'chai';
import { fuzz } from '../support/fuzz/fuzz.ts';
import { servingV1 } from '../support/v1.ts';

const SEED = 20_261_126;

describe('random requests', function () {
  this.timeout(120_000);
  const { node } = servingV1();

  it('are all answered, as the documentation says (IN33)', async function () {
    const { faults, statuses } = await fuzz(node(), { requests: 2_000, seed: SEED, atOnce: 6 });
    this.test!.title += ` (seed ${SEED}: ${JSON.stringify(statuses)})`;
    expect(faults.slice(0, 5)).to.deep.equal([]);
    expect(Object.keys(statuses)).to.include.members(['200', '201', '204', '400', '401', '403', '404']);
  });
});
