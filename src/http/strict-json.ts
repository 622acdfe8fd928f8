import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';

/** Keys by which code that merges objects can be made to change all objects. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
/** By their first letter. */
const LITERALS: Record<string, [word: string, value: boolean | null]> = {
  t: ['true', true],
  f: ['false', false],
  n: ['null', null],
};
const NUMBER_CHARS = 40;

/**
 * Reads JSON (RFC 8259) and refuses what two readers may understand differently, or what cannot be stored: duplicate
 * keys, `__proto__` and its like, NUL, half surrogate pairs, numbers that are no finite double, a byte order mark,
 * anything behind the value, more than `LIMITS.jsonDepth` levels or `LIMITS.jsonKeys` keys. Objects inherit nothing. The
 * failure does not repeat what was sent.
 *
 * @throws Failure `invalid_input`
 */
export function parseStrictJson(text: string): unknown {
  let at = 0;
  let keys = 0;

  const skip = () => {
    SPACE.lastIndex = at;
    SPACE.test(text);
    at = SPACE.lastIndex;
  };
  const take = (char: string): boolean => {
    skip();
    if (text[at] !== char) return false;
    at += 1;
    return true;
  };
  const expect = (char: string) => {
    if (!take(char)) refuse('is not JSON');
  };

  function value(depth: number): unknown {
    skip();
    const char = text[at];
    if ((char === '{' || char === '[') && depth > LIMITS.jsonDepth)
      refuse(`is nested deeper than ${LIMITS.jsonDepth} levels`);
    if (char === '{') return object(depth);
    if (char === '[') return array(depth);
    if (char === '"') return string();
    const literal = LITERALS[char ?? ''];
    return literal ? word(...literal) : number();
  }

  function object(depth: number): Record<string, unknown> {
    const result: Record<string, unknown> = Object.create(null);
    expect('{');
    if (take('}')) return result;
    do {
      skip();
      const key = string();
      if (FORBIDDEN_KEYS.has(key)) refuse('holds a key that is not allowed');
      if (key in result) refuse('holds a key twice');
      if (++keys > LIMITS.jsonKeys) refuse(`holds more than ${LIMITS.jsonKeys} keys`);
      expect(':');
      result[key] = value(depth + 1);
    } while (take(','));
    expect('}');
    return result;
  }

  function array(depth: number): unknown[] {
    const result: unknown[] = [];
    expect('[');
    if (take(']')) return result;
    do result.push(value(depth + 1));
    while (take(','));
    expect(']');
    return result;
  }

  function string(): string {
    if (text[at] !== '"') refuse('is not JSON');
    const end = closingQuote(text, at + 1);
    const raw = text.slice(at, end + 1);
    at = end + 1;
    const plain = decodeString(raw);
    if (plain.includes('\u0000') || !plain.isWellFormed()) refuse('holds a character that is not allowed');
    return plain;
  }

  function number(): number {
    NUMBER.lastIndex = at;
    const [raw] = NUMBER.exec(text) ?? [];
    if (raw === undefined) return refuse('is not JSON');
    at += raw.length;
    const result = Number(raw);
    if (raw.length > NUMBER_CHARS || !Number.isFinite(result)) refuse('holds a number that is out of range');
    return result;
  }

  function word<T>(letters: string, result: T): T {
    if (!text.startsWith(letters, at)) refuse('is not JSON');
    at += letters.length;
    return result;
  }

  const result = value(1);
  skip();
  if (at < text.length) refuse('is not JSON');
  return result;
}

function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at;
    if (code === 0x5c) at += 1;
  }
  return refuse('is not JSON');
}

/** JSON.parse knows which escapes and characters a string may have. */
function decodeString(raw: string): string {
  try {
    return JSON.parse(raw) as string;
  } catch {
    return refuse('is not JSON');
  }
}

function refuse(problem: string): never {
  throw new Failure('invalid_input', { field: 'body', problem });
}
