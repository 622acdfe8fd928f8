import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseBlueprint, printBlueprint } from '../../../src/cli/blueprint-file.ts';
import { operator, rooms } from '../../support/rooms.ts';

describe('smoke', () => {
  it('applies', async () => {
    const bp = parseBlueprint(readFileSync('examples/acme.yaml', 'utf8'));
    const { blueprint } = rooms();
    console.log(await blueprint.plan(operator(), bp));
    console.log(await blueprint.apply(operator(), bp));
    expect(await blueprint.apply(operator(), bp)).to.deep.equal([]);
    console.log(printBlueprint(await blueprint.exportAll(operator(), { slugs: ['acme'] })));
  });
});
