/** What a spreadsheet would take for a formula at the beginning of a cell, in its wide forms too. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/**
 * A line of a CSV file (RFC 4180), every cell in quotes. A cell that a spreadsheet would compute gets an apostrophe in
 * front: what strangers can write must not run at whoever opens the file.
 */
export function csvLine(cells: readonly (string | null)[]): string {
  return `${cells.map((cell) => `"${defused(cell ?? '').replaceAll('"', '""')}"`).join(',')}\r\n`;
}

const defused = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);
