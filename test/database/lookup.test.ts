import { expect } from 'chai';
import { createLookup } from '../../src/database/lookup.ts';
import { pool } from '../support/database.ts';

type Row = { letter: string; bytes: Buffer };

const find = createLookup<Row>(
  {
    name: 'test-lookup',
    text: `select l.letter, l.bytes from (values (1, 'a', '\\x01'::bytea), (2, 'b', '\\x02'), (2, 'c', '\\x03')) as l(number, letter, bytes)
      where l.number = $1 and l.letter = $2 and 10 / ($1 - 9) <> 0`,
  },
  ['int', 'text'],
);

describe('a look-up', () => {
  it('finds what is asked for alone', async () => {
    expect(await find(pool(), [1, 'a'])).to.deep.include({ letter: 'a', bytes: Buffer.from([1]) });
    expect(await find(pool(), [1, 'b'])).to.equal(undefined);
  });

  it('gives each of many who ask at once their own row, or none', async () => {
    const keys: [number, string][] = [
      [2, 'c'],
      [1, 'b'],
      [1, 'a'],
      [2, 'c'],
      [2, 'b'],
    ];
    const rows = await Promise.all(keys.map((key) => find(pool(), key)));
    expect(rows.map((row) => row?.letter)).to.deep.equal(['c', undefined, 'a', 'c', 'b']);
    expect(rows[0]?.bytes).to.deep.equal(Buffer.from([3]));
  });

  it('finds more at once than one statement takes', async () => {
    const rows = await Promise.all(Array.from({ length: 250 }, (_, index) => find(pool(), [2, index % 2 ? 'b' : 'c'])));
    expect(rows.map((row) => row?.letter)).to.deep.equal(
      Array.from({ length: 250 }, (_, index) => (index % 2 ? 'b' : 'c')),
    );
  });

  it('fails for the one whose key fails, and for nobody else', async () => {
    const [good, bad] = await Promise.allSettled([find(pool(), [1, 'a']), find(pool(), [9, 'a'])]);
    expect(good).to.have.nested.property('value.letter', 'a');
    expect(bad).to.have.nested.property('reason.code', '22012');
  });

  it('sees what its transaction has written', async () => {
    await pool().transaction(async (db) => {
      await db.raw('create temporary table lookup_test (id int, letter text) on commit drop');
      await db.raw(`insert into lookup_test values (1, 'x')`);
      const inside = createLookup<{ letter: string }>(
        { name: 'test-lookup-inside', text: 'select letter from lookup_test where id = $1' },
        ['int'],
      );
      const [one, two] = await Promise.all([inside(db, [1]), inside(db, [2])]);
      expect([one?.letter, two]).to.deep.equal(['x', undefined]);
    });
  });
});
