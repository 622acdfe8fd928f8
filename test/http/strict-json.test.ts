import { expect } from 'chai';
import fc from 'fast-check';
import { parseStrictJson } from '../../src/http/strict-json.ts';
import { Failure } from '../../src/kernel/failure.ts';
import { LIMITS } from '../../src/kernel/limits.ts';

function problemOf(text: string): string {
  try {
    parseStrictJson(text);
  } catch (error) {
    expect(error).to.be.instanceOf(Failure);
    return String((error as Failure).details['problem']);
  }
  return 'none';
}

const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const keyed = (keys: number) => `{${Array.from({ length: keys }, (_, key) => `"k${key}":1`).join(',')}}`;

describe('strict JSON', () => {
  it('reads every value that JSON.parse reads, and the same', () => {
    const key = fc
      .string({ unit: 'grapheme' })
      .filter((text) => !text.includes('\u0000') && !/^(__proto__|constructor|prototype)$/.test(text));
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\u0000'));
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.constant(null),
        fc.boolean(),
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        text,
        tie('array'),
        tie('object'),
      ),
      array: fc.array(tie('any'), { maxLength: 4 }),
      object: fc.dictionary(key, tie('any'), { maxKeys: 4 }),
    })).any;
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 2, '\t'), (given, space) => {
        const text = JSON.stringify(given, null, space);
        expect(JSON.stringify(parseStrictJson(text))).to.equal(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it('refuses what JSON.parse refuses, without repeating it', () => {
    const texts = [
      '',
      ' ',
      '{',
      '[1',
      '"a',
      '{"a"}',
      '{"a":}',
      '{"a":1,}',
      '[1,]',
      '{a:1}',
      "{'a':1}",
      '01',
      '+1',
      '.5',
      '1.',
      'NaN',
      'tru',
      '"\\x"',
      '"a\nb"',
      '[1 2]',
      '1 // one',
      '/**/1',
      '\u00a01',
    ];
    for (const text of texts) {
      expect(() => JSON.parse(text), text).to.throw(SyntaxError);
      expect(problemOf(text), text).to.equal('is not JSON');
    }
  });

  it('refuses anything behind the value, and a byte order mark before it', () => {
    expect(problemOf('{} {}')).to.equal('is not JSON');
    expect(problemOf('1,')).to.equal('is not JSON');
    expect(problemOf('\ufeff{}')).to.equal('is not JSON');
  });

  it('refuses a key that stands twice, however it is written', () => {
    expect(problemOf('{"a":1,"a":2}')).to.equal('holds a key twice');
    expect(problemOf('{"a":1,"\\u0061":2}')).to.equal('holds a key twice');
    expect(problemOf('[{"x":{"b":1,"b":1}}]')).to.equal('holds a key twice');
  });

  it('refuses keys that reach into all objects', () => {
    for (const key of ['__proto__', 'constructor', 'prototype', '\\u005f_proto__']) {
      expect(problemOf(`{"a":[{"${key}":{"admin":true}}]}`), key).to.equal('holds a key that is not allowed');
    }
    expect(Object.hasOwn(Object.prototype, 'admin')).to.equal(false);
  });

  it('gives objects that inherit nothing', () => {
    const value = parseStrictJson('{"a":{}}') as { a: object };
    expect(Object.getPrototypeOf(value)).to.equal(null);
    expect(Object.getPrototypeOf(value.a)).to.equal(null);
  });

  it('refuses characters that the database cannot hold', () => {
    expect(problemOf('"a\\u0000b"')).to.equal('holds a character that is not allowed');
    expect(problemOf('"\\ud800"')).to.equal('holds a character that is not allowed');
    expect(problemOf('{"\\udc00":1}')).to.equal('holds a character that is not allowed');
    expect(parseStrictJson('"\\ud83d\\ude00"')).to.equal('😀');
  });

  it('refuses numbers that are no finite double', () => {
    expect(problemOf('1e400')).to.equal('holds a number that is out of range');
    expect(problemOf('9'.repeat(100_000))).to.equal('holds a number that is out of range');
    expect(parseStrictJson('-1.5e3')).to.equal(-1500);
  });

  it('takes the levels and keys that the limits allow, and not one more', () => {
    expect(problemOf(nested(LIMITS.jsonDepth))).to.equal('none');
    expect(problemOf(nested(LIMITS.jsonDepth + 1))).to.match(/nested deeper/);
    expect(problemOf(nested(100_000))).to.match(/nested deeper/);
    expect(problemOf(keyed(LIMITS.jsonKeys))).to.equal('none');
    expect(problemOf(keyed(LIMITS.jsonKeys + 1))).to.match(/more than/);
    expect(
      problemOf(`${nested(LIMITS.jsonDepth - 1).slice(0, LIMITS.jsonDepth - 1)}[1]${']'.repeat(LIMITS.jsonDepth - 1)}`),
    ).to.equal('none');
  });
});
