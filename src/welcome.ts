/** A box of lines for the terminal of a developer: the few addresses they need first. */
export function welcomeBox(lines: readonly (readonly [label: string, value: string])[]): string {
  const wide = Math.max(...lines.map(([label]) => label.length));
  const rows = lines.map(([label, value]) => `${label.padEnd(wide)}  ${value}`);
  const width = Math.max(...rows.map((row) => row.length));
  const edge = '─'.repeat(width + 2);
  return ['', `┌${edge}┐`, ...rows.map((row) => `│ ${row.padEnd(width)} │`), `└${edge}┘`, ''].join('\n');
}
