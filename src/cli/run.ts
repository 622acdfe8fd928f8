import { BadConfiguration } from '../config.ts';
import { Failure } from '../kernel/failure.ts';
import { blueprintCommands } from './apply.ts';
import { auditCommands } from './audit.ts';
import { BadTrail } from './audit-file.ts';
import { BadBlueprint } from './blueprint-file.ts';
import { clientCommands } from './client.ts';
import { type Command, EXIT, parse, type Terminal, UsageError } from './command.ts';
import { jobCommands } from './job.ts';
import { keyCommands } from './keys.ts';
import { routeCommands } from './routes.ts';
import { tenantCommands } from './tenant.ts';
import { userCommands } from './user.ts';
import { userFileCommands } from './user-file.ts';
import { webhookCommands } from './webhook.ts';

const migrate: Command = {
  usage: 'migrate',
  summary: 'Brings the schema up to date, as every start does',
  async run(args, terminal) {
    parse(args, {});
    const names = await terminal.migrate();
    terminal.out(names.length === 0 ? 'The schema is up to date.' : names.join('\n'));
    return EXIT.done;
  },
};

/** Every command by the words that call it. */
export const COMMANDS: Record<string, Command> = {
  ...blueprintCommands,
  ...tenantCommands,
  ...userCommands,
  ...userFileCommands,
  ...clientCommands,
  ...webhookCommands,
  ...jobCommands,
  ...keyCommands,
  ...auditCommands,
  migrate,
  ...routeCommands,
};

const HELP = `gatehouse: the command line of Gatehouse

${Object.values(COMMANDS)
  .map(({ usage, summary }) => `  ${usage}\n      ${summary}`)
  .join('\n')}

Settings come from the environment and config/<NODE_ENV>.yaml, as for the server. Without --tenant a command works in the
platform tenant. Exit codes: 0 done, 1 refused, 2 a plan with differences (--exit-code), 64 wrong use, 65 a bad file,
66 no such file, 70 a fault, 78 bad settings.
`;

/** Runs one command line. @returns the exit code */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [first = 'help', second] = argv;
  if (['help', '--help', '-h'].includes(first)) {
    terminal.out(HELP.trimEnd());
    return EXIT.done;
  }
  const name = Object.hasOwn(COMMANDS, first) ? first : `${first} ${second ?? ''}`;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    terminal.err(`There is no command ${name.trim()}. gatehouse help shows those there are.`);
    return EXIT.usage;
  }
  const args = argv.slice(name.split(' ').length);
  if (args.includes('--help') || args.includes('-h')) {
    terminal.out(`gatehouse ${command.usage}\n\n${command.summary}.`);
    return EXIT.done;
  }
  try {
    return await command.run(args, terminal);
  } catch (error) {
    return tell(error, command, terminal);
  }
}

/** Says what went wrong in words, and by an exit code. What nobody foresaw is thrown on. */
function tell(error: unknown, { usage }: Command, terminal: Terminal): number {
  if (error instanceof UsageError) {
    terminal.err(`${error.message}\nUsage: gatehouse ${usage}`);
    return EXIT.usage;
  }
  if (error instanceof BadBlueprint) {
    terminal.err(`The file cannot be applied:\n${error.message}`);
    return EXIT.data;
  }
  if (error instanceof BadTrail) {
    terminal.err(error.message);
    return EXIT.data;
  }
  if (error instanceof Failure) {
    terminal.err(explain(error));
    return error.code === 'blueprint_invalid' ? EXIT.data : EXIT.refused;
  }
  if (error instanceof BadConfiguration) {
    terminal.err(error.message);
    return EXIT.config;
  }
  if ((error as { code?: string }).code === 'ENOENT') {
    terminal.err((error as Error).message);
    return EXIT.noInput;
  }
  throw error;
}

function explain({ message, details }: Failure): string {
  const { mistakes, ...rest } = details as { mistakes?: { path: string; message: string }[] };
  if (mistakes) return [message, ...mistakes.map((mistake) => `  ${mistake.path}: ${mistake.message}`)].join('\n');
  return Object.keys(rest).length > 0 ? `${message} ${JSON.stringify(rest)}` : message;
}
