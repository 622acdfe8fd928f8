import { expect } from 'chai';
import { cellsOf } from '../../../src/domain/user-transfer/records.ts';
import {
  BEGINNING,
  type FileFormat,
  type FilePlace,
  type ReadLine,
  readFile,
} from '../../../src/domain/user-transfer/user-file.ts';
import { cellOf, lineOfCells, readUser } from '../../../src/domain/user-transfer/user-line.ts';
import type { Failure } from '../../../src/kernel/failure.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { expectFailure } from '../../support/expect.ts';
import { NOON } from '../../support/rooms.ts';

/** A file that comes in pieces of so many bytes. */
const inPieces = (content: string | Buffer, size: number) =>
  async function* from(offset: number) {
    const bytes = Buffer.from(content as string);
    for (let at = offset; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  };

const read = (format: FileFormat, content: string | Buffer, { size = 7, place = BEGINNING as FilePlace } = {}) =>
  Array.fromAsync(readFile(format, inPieces(content, size), place));

const told = (lines: readonly ReadLine[]) =>
  lines.map((one) => [one.line, 'read' in one ? (one.read.email ?? one.read) : one.problem]);

describe('a file of users', () => {
  it('is read line by line, however it comes, with what is no line of it reported', async () => {
    const content = Buffer.concat([
      Buffer.from('\ufeff{"email":"a@x.test"}\n\n{"email":\n[1]\r\nnull\n'),
      Buffer.from([0xff, 0x0a]),
      Buffer.from('{"email":"é@x.test"}'),
    ]);
    for (const size of [1, 7, 1_000]) {
      expect(told(await read('ndjson', content, { size }))).to.deep.equal([
        [1, 'a@x.test'],
        [3, 'is no JSON object'],
        [4, 'is no JSON object'],
        [5, 'is no JSON object'],
        [6, 'is not UTF-8'],
        [7, 'é@x.test'],
      ]);
    }
  });

  it('goes on behind any of its lines', async () => {
    const content = 'email,lastName\r\na@x.test,"Two\nlines"\r\nb@x.test,B\r\n\r\nc@x.test,C';
    const all = await read('csv', content);
    expect(told(all)).to.deep.equal([
      [2, 'a@x.test'],
      [4, 'b@x.test'],
      [6, 'c@x.test'],
    ]);
    for (const [index, { end, nextLine }] of all.entries()) {
      const place = { offset: end, line: nextLine, columns: ['email', 'lastName'] };
      expect(await read('csv', content, { place })).to.deep.equal(all.slice(index + 1));
    }
  });

  it(`holds no line of more than ${LIMITS.importLineBytes} bytes`, async () => {
    const line = (bytes: number, n: number) => `{"email":"${n}@x.test"}`.padEnd(bytes - 1, ' ');
    const most = LIMITS.importLineBytes;
    const content = `${line(most, 1)}\n${line(most + 1, 2)}\n${line(3 * most, 3)}\n${line(30, 4)}\n${line(9 * most, 5)}`;
    for (const size of [5_000, 1024 * 1024])
      expect(told(await read('ndjson', content, { size }))).to.deep.equal([
        [1, '1@x.test'],
        [2, 'is too long'],
        [3, 'is too long'],
        [4, '4@x.test'],
        [5, 'is too long'],
      ]);
  });

  it('loses nothing behind a quote that nobody closes', async () => {
    const rows = Array.from({ length: 3_000 }, (_, n) => `${n}@x.test,"Quoted, ${n}"`);
    const content = ['email,lastName', 'a@x.test,"open', ...rows, 'b@x.test,bare "quote', 'c@x.test,C'].join('\n');
    for (const size of [1_000, 1024 * 1024]) {
      const lines = await read('csv', content, { size });
      expect(lines.filter((one) => 'problem' in one).map(({ line }) => line)).to.deep.equal([2, 3_003]);
      expect(lines).to.have.lengthOf(3_003);
      expect(told(lines).at(-1)).to.deep.equal([3_004, 'c@x.test']);
    }
  });

  it('says in its first row which columns it has, of those that there are, each once', async () => {
    for (const head of ['firstName', 'email,email', 'email,isSuperAdmin', 'email,__proto__', '"email', '{"email":1}']) {
      const details = await expectFailure('invalid_input', read('csv', `${head}\na@x.test,b\n`));
      expect(details).to.include({ field: 'file' });
    }
    expect(told(await read('csv', 'lastName,email\nA,a@x.test,\nB\n'))).to.deep.equal([
      [2, 'has 3 cells, not 2'],
      [3, 'has 1 cells, not 2'],
    ]);
  });
});

describe('a cell', () => {
  it('comes back as it was, and is nothing that a spreadsheet computes', () => {
    for (const text of [
      'plain',
      '=1+1',
      '+15551234567',
      '-1',
      '@SUM(A1)',
      '\t=1',
      "'=1",
      "''=1",
      "'quoted'",
      'a,b',
      'say "hi"',
      'two\nlines',
      '＝1',
      ' space ',
    ]) {
      const cell = cellOf(text);
      const [first = ''] = cellsOf(cell)!;
      expect(first, cell).not.to.match(/^[=+\-@\t\r＝＋－＠]/u);
      expect(lineOfCells({ lastName: first })).to.deep.equal({ lastName: text });
    }
    expect(lineOfCells({ emailVerified: 'TRUE', roles: 'A  B', phone: '' })).to.deep.equal({
      emailVerified: true,
      roles: ['A', 'B'],
    });
  });
});

describe('a line of a user', () => {
  const line = (more: object) => readUser({ email: 'a@x.test', ...more }, NOON);
  const refusal = (more: object): unknown => {
    try {
      return line(more);
    } catch (error) {
      return (error as Failure).details['field'];
    }
  };

  it('is a user with nothing guessed', () => {
    expect(line({}).values).to.include({ status: 'active', emailVerified: false, username: null });
    expect(line({ createdAt: '2020-01-01T00:00:00Z', roles: ['A', 'A'] })).to.deep.include({
      createdAt: new Date('2020-01-01T00:00:00Z'),
      roles: ['A'],
    });
  });

  it('is refused by field, and sets nothing that is not for a file to set', () => {
    const wrong: [object, string][] = [
      [{ email: null }, 'email'],
      [{ email: 'no address' }, 'email'],
      [{ emailVerified: 'yes' }, 'emailVerified'],
      [{ firstName: 5 }, 'firstName'],
      [{ phone: '123' }, 'phone'],
      [{ status: 'deactivated' }, 'status'],
      [{ roles: 'TENANT_ADMIN' }, 'roles'],
      [{ roles: [5] }, 'roles'],
      [{ id: 'usr_01HZX3F5T8Q2M4N6P7R9S0V1W2' }, 'id'],
      [{ createdAt: '2100-01-01T00:00:00Z' }, 'createdAt'],
      [{ createdAt: 'yesterday' }, 'createdAt'],
      [{ passwordPepper: '0123456789abcdef' }, 'passwordHash'],
      [{ passwordForm: 'NFD', passwordHash: 'x' }, 'passwordForm'],
    ];
    for (const [more, field] of wrong) expect([more, refusal(more)]).to.deep.equal([more, field]);
    for (const field of ['tenantId', 'password', 'permissions', 'isSuperAdmin', 'lastSignInAt', 'constructor'])
      expect([field, refusal({ [field]: 'x' })]).to.deep.equal([field, '']);
    expect(refusal(JSON.parse('{"__proto__": {"status": "active"}}'))).to.equal('');
  });
});
