import { LIMITS } from '../../kernel/limits.ts';

/**
 * One record of a file: a line of NDJSON, or a row of a table, which goes over several lines where a quoted cell does.
 * `bytes` is undefined for one that is too long.
 */
export type Record = {
  /** Of its first line, from 1. */
  line: number;
  bytes: Buffer | undefined;
  /** The place behind it in the file, and the line there. */
  end: number;
  nextLine: number;
};

export type Place = { offset: number; line: number };

const LF = 0x0a;
const QUOTE = 0x22;

/**
 * Splits a file into records, holding one at a time, whatever it is sent. In a table, a line break between quotes is part
 * of the record. A quote that nobody closes does not swallow what follows: what `isWhole` does not take is given line by
 * line instead.
 *
 * @param isWhole for a table: whether several lines are one row
 */
export async function* recordsOf(
  source: AsyncIterable<Buffer>,
  { offset, line }: Place,
  isWhole?: (bytes: Buffer) => boolean,
): AsyncGenerator<Record> {
  const reader = createReader({ offset, line }, isWhole);
  for await (const chunk of source) yield* reader.push(chunk);
  yield* reader.end();
}

function createReader({ offset, line }: Place, isWhole: ((bytes: Buffer) => boolean) | undefined) {
  let held: Buffer = Buffer.alloc(0);
  let tooLong = false;

  /** The length of the first record with its line break; undefined: it goes on behind what is held. */
  function lengthOf(bytes: Buffer, isEnd: boolean): number | undefined {
    const first = bytes.indexOf(LF);
    if (first === -1) return isEnd && bytes.length > 0 ? bytes.length : undefined;
    if (!isWhole || tooLong || count(bytes, QUOTE, first) % 2 === 0) return first + 1;
    const most = Math.min(bytes.length, LIMITS.importLineBytes);
    const whole = rowEnd(bytes, most) ?? (isEnd && most === bytes.length ? most : undefined);
    if (whole === undefined && bytes.length < LIMITS.importLineBytes && !isEnd) return undefined;
    return whole !== undefined && isWhole(bytes.subarray(0, whole)) ? whole : first + 1;
  }

  function* take(isEnd: boolean): Generator<Record> {
    for (let length = lengthOf(held, isEnd); length !== undefined; length = lengthOf(held, isEnd)) {
      const bytes = held.subarray(0, length);
      held = held.subarray(length);
      const isTooLong = tooLong || length > LIMITS.importLineBytes;
      tooLong = false;
      const first = line;
      offset += length;
      line += Math.max(1, count(bytes, LF));
      yield { line: first, bytes: isTooLong ? undefined : bytes, end: offset, nextLine: line };
    }
  }

  return {
    *push(chunk: Buffer): Generator<Record> {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      yield* take(false);
      if (held.length <= LIMITS.importLineBytes) return;
      // A line without an end: only its place is kept.
      tooLong = true;
      offset += held.length;
      held = Buffer.alloc(0);
    },
    *end(): Generator<Record> {
      yield* take(true);
      if (tooLong) yield { line, bytes: undefined, end: offset, nextLine: line + 1 };
    },
  };
}

/** How often a byte stands in the first `end` bytes. */
function count(bytes: Buffer, byte: number, end = bytes.length): number {
  let found = 0;
  for (let at = bytes.indexOf(byte); at !== -1 && at < end; at = bytes.indexOf(byte, at + 1)) found++;
  return found;
}

/** Behind the first line break that stands between no quotes, among the first `most` bytes. */
function rowEnd(bytes: Buffer, most: number): number | undefined {
  let quoted = false;
  for (let at = 0; at < most; at++) {
    if (bytes[at] === QUOTE) quoted = !quoted;
    else if (bytes[at] === LF && !quoted) return at + 1;
  }
  return undefined;
}

/** The cells of one row (RFC 4180); undefined for what is none: a quote in a bare cell, or text behind a closing one. */
export function cellsOf(row: string): string[] | undefined {
  const text = row.replace(/\r?\n$/, '');
  const cells: string[] = [];
  for (let at = 0; ; at++) {
    if (text[at] === '"') {
      let cell = '';
      for (at++; ; at++) {
        const close = text.indexOf('"', at);
        if (close === -1) return undefined;
        cell += text.slice(at, close);
        at = close + 1;
        if (text[at] !== '"') break;
        cell += '"';
      }
      cells.push(cell);
    } else {
      const end = text.indexOf(',', at) === -1 ? text.length : text.indexOf(',', at);
      const cell = text.slice(at, end);
      if (cell.includes('"')) return undefined;
      cells.push(cell);
      at = end;
    }
    if (at >= text.length) return cells;
    if (text[at] !== ',') return undefined;
  }
}
