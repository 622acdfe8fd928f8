import { expect } from 'chai';
import { isNoneAttestation } from '../../../src/domain/factors/webauthn-response.ts';
import { cbor } from '../../support/authenticator.ts';

describe('the format of an attestation', () => {
  const authData = Buffer.alloc(37);
  const entries: readonly [string, unknown][] = [
    ['fmt', 'none'],
    ['attStmt', new Map()],
    ['authData', authData],
  ];
  const object = (...of: readonly (readonly [unknown, unknown])[]) => cbor(new Map(of));
  const [fmt, attStmt, data] = entries as [[string, unknown], [string, unknown], [string, unknown]];

  it('is none in any order of its three fields', () => {
    for (const order of [entries, [data, fmt, attStmt], [attStmt, data, fmt]])
      expect(isNoneAttestation(object(...order))).to.equal(true);
    expect(isNoneAttestation(object(fmt, attStmt, ['authData', Buffer.alloc(600)]))).to.equal(true);
  });

  it('is nothing else', () => {
    const others: Record<string, Buffer> = {
      'nothing at all': Buffer.alloc(0),
      'another format': object(['fmt', 'packed'], attStmt, data),
      'a format in bytes': object(['fmt', Buffer.from('none')], attStmt, data),
      'a statement': object(fmt, ['attStmt', new Map([['x5c', []]])], data),
      'a list as statement': object(fmt, ['attStmt', []], data),
      'a field too few': object(fmt, attStmt),
      'a field too many': object(fmt, attStmt, data, ['ver', '2.0']),
      'another field': object(fmt, attStmt, ['authdata', authData]),
      'fields by number': object([1, 'none'], [2, new Map()], [3, authData]),
      'data in a text': object(fmt, attStmt, ['authData', 'x'.repeat(37)]),
      'short data': object(fmt, attStmt, ['authData', Buffer.alloc(20)]),
      'a field twice': Buffer.concat([
        Buffer.from([0xa3]),
        ...[fmt, fmt, data].map((one) => cbor(new Map([one])).subarray(1)),
      ]),
      'a map without an end': Buffer.concat([Buffer.from([0xbf]), object(...entries).subarray(1), Buffer.from([0xff])]),
      'a tag before it': Buffer.concat([Buffer.from([0xc1]), object(...entries)]),
      'something behind it': Buffer.concat([object(...entries), Buffer.from([0])]),
    };
    for (const [what, bytes] of Object.entries(others)) expect(isNoneAttestation(bytes), what).to.equal(false);
  });
});
