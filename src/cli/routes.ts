import { type Route, routesOf } from '../api/routes.ts';
import { type Command, EXIT, parse } from './command.ts';

/** Who may call what, for a reviewer: one line an operation, by path. */
export function routeTable(routes: readonly Route[]): string {
  const rows = routes
    .map(({ contract, name, operation: { method, path, access } }) => [
      method,
      path,
      typeof access === 'string' ? access : JSON.stringify(access),
      `${contract.name}.${name}`,
    ])
    .sort((a, b) => (`${a[1]} ${a[0]}` < `${b[1]} ${b[0]}` ? -1 : 1));
  const width = (column: number) => Math.max(0, ...rows.map((row) => row[column]!.length));
  const widths = [width(0), width(1), width(2)];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const routes: Command = {
  usage: 'routes',
  summary: 'Lists every operation of the JSON contracts with who may call it',
  async run(args, terminal) {
    parse(args, {});
    terminal.out(routeTable(routesOf(await terminal.contracts())));
    return EXIT.done;
  },
};

export const routeCommands: Record<string, Command> = { routes };
