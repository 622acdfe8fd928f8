import { expect } from 'chai';
import { z } from 'zod';
import { readCursor, writeCursor } from '../../src/api/cursor.ts';
import type { TenantCall } from '../../src/kernel/call.ts';
import { expectFailure } from '../support/expect.ts';
import { aTenant, rooms } from '../support/rooms.ts';

const position = z.strictObject({ id: z.string() });
const list = { operation: 'things', filter: { status: 'active', search: undefined } };
const write = (call: TenantCall) => writeCursor(call, rooms().tenantKeys, list, { id: 'thing-canary' });
const read = (call: TenantCall, text: string, where = list as Parameters<typeof readCursor>[2]) =>
  readCursor(call, rooms().tenantKeys, where, text, position);

describe('a cursor', () => {
  it('opens where it was made, and tells nothing', async () => {
    const call = await aTenant();
    const cursor = await write(call);
    expect(await read(call, cursor)).to.deep.equal({ id: 'thing-canary' });
    expect(await read(call, cursor, { operation: 'things', filter: { status: 'active' } })).to.have.property('id');
    expect(Buffer.from(cursor, 'base64url').toString('latin1')).not.to.include('canary');
    expect(await write(call)).not.to.equal(cursor);
  });

  it('opens in no other tenant, for no other list and with no other filter', async () => {
    const call = await aTenant();
    const cursor = await write(call);
    await expectFailure('invalid_input', read(await aTenant(), cursor));
    for (const where of [
      { ...list, operation: 'others' },
      { ...list, filter: {} },
      { ...list, filter: { status: 'suspended' } },
      { ...list, filter: { status: 'active', search: 'x' } },
    ])
      expect(await expectFailure('invalid_input', read(call, cursor, where))).to.include({ field: 'cursor' });
  });

  it('opens no more once one letter is another, wherever it stands', async () => {
    const call = await aTenant();
    const cursor = await write(call);
    for (let at = 0; at < cursor.length; at++) {
      const forged = `${cursor.slice(0, at)}${cursor[at] === 'A' ? 'B' : 'A'}${cursor.slice(at + 1)}`;
      await expectFailure('invalid_input', read(call, forged));
    }
  });

  it('is nothing that a stranger could write', async () => {
    const call = await aTenant();
    const plain = Buffer.from(JSON.stringify({ id: "x' or 1=1 --" })).toString('base64url');
    for (const text of ['x', plain, '....', `${await write(call)}=`, ` ${await write(call)}`, 'ä'])
      await expectFailure('invalid_input', read(call, text));
  });

  it('gives nothing but a position of its own form', async () => {
    const call = await aTenant();
    const older = await writeCursor(call, rooms().tenantKeys, list, { at: 5 });
    await expectFailure('invalid_input', read(call, older));
  });
});
