import { Failure } from '../../kernel/failure.ts';
import { cellsOf, type Record as FileRecord, type Place, recordsOf } from './records.ts';
import { FIELDS, type Line, lineOfCells } from './user-line.ts';

export type FileFormat = 'ndjson' | 'csv';

export const TYPES: Readonly<Record<FileFormat, string>> = { ndjson: 'application/x-ndjson', csv: 'text/csv' };

/** One line that was read, or what is wrong with it. */
export type ReadLine = { line: number; end: number; nextLine: number } & ({ read: Line } | { problem: string });

/** Where reading goes on; a table remembers its columns. */
export type FilePlace = Place & { columns?: readonly string[] | undefined };

export const BEGINNING: FilePlace = { offset: 0, line: 1 };

/**
 * Reads a file from a place on, line by line, in little memory. Empty lines are passed over.
 *
 * @throws Failure `invalid_input` for a table whose first line does not name known columns, each once
 */
export async function* readFile(
  format: FileFormat,
  source: (from: number) => AsyncIterable<Buffer>,
  place: FilePlace,
  onColumns: (columns: readonly string[]) => void = () => {},
): AsyncGenerator<ReadLine> {
  let { columns } = place;
  const isWhole = format === 'csv' ? (bytes: Buffer) => cellsOf(bytes.toString()) !== undefined : undefined;
  for await (const record of recordsOf(source(place.offset), place, isWhole)) {
    const at = { line: record.line, end: record.end, nextLine: record.nextLine };
    const text = textOf(record);
    if (text === undefined) yield { ...at, problem: record.bytes ? 'is not UTF-8' : 'is too long' };
    else if (text.trim() === '') continue;
    else if (format === 'ndjson') yield { ...at, ...objectOf(text) };
    else if (columns) yield { ...at, ...rowOf(columns, text) };
    else {
      columns = columnsOf(text);
      onColumns(columns);
    }
  }
}

/** A byte order mark is what some programs put before a file, and no text of it. */
function textOf({ bytes, line }: FileRecord): string | undefined {
  if (!bytes) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return line === 1 ? text.replace(/^\ufeff/, '') : text;
  } catch {
    return undefined;
  }
}

function objectOf(text: string): { read: Line } | { problem: string } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { read: value };
  } catch {
    // what the parser says of it may hold a part of the line
  }
  return { problem: 'is no JSON object' };
}

function rowOf(columns: readonly string[], text: string): { read: Line } | { problem: string } {
  const cells = cellsOf(text);
  if (!cells) return { problem: 'has a quote in the wrong place' };
  if (cells.length !== columns.length) return { problem: `has ${cells.length} cells, not ${columns.length}` };
  return { read: lineOfCells(Object.fromEntries(columns.map((column, index) => [column, cells[index]!]))) };
}

function columnsOf(text: string): string[] {
  const columns = cellsOf(text)?.map((cell) => cell.trim()) ?? [];
  const isKnown = columns.every((column) => (FIELDS as readonly string[]).includes(column));
  if (!isKnown || new Set(columns).size !== columns.length || !columns.includes('email'))
    throw new Failure('invalid_input', { field: 'file', problem: 'must begin with a line that names known columns' });
  return columns;
}
