import type { User } from '../domain/users/user.ts';
import type { TenantCall } from '../kernel/call.ts';
import { randomToken } from '../kernel/secret.ts';
import { type CliHouse, type Command, callIn, EXIT, inHouse, parse, type Terminal, UsageError } from './command.ts';

const tenant = { tenant: { type: 'string' } } as const;
const stdin = { 'password-stdin': { type: 'boolean' } } as const;

async function find({ services }: CliHouse, call: TenantCall, identifier: string): Promise<User> {
  const user = await services.users.findByIdentifier(call, identifier);
  if (!user) throw new UsageError(`there is no user ${identifier}`);
  return user;
}

/** A password never stands on the command line, where every process can read it: it comes by standard input or is made. */
async function passwordFor(
  terminal: Terminal,
  given: boolean | undefined,
): Promise<{ password: string; oneTime: boolean }> {
  return given
    ? { password: (await terminal.readInput()).replace(/\r?\n$/, ''), oneTime: false }
    : { password: randomToken(16), oneTime: true };
}

const create: Command = {
  usage:
    'user create EMAIL [--tenant SLUG] [--first-name NAME] [--last-name NAME] [--username NAME] [--role ROLE]... [--password-stdin]',
  summary: 'Makes a user whose address is verified; prints a one-time password unless one comes by standard input',
  async run(args, terminal) {
    const { values, positionals } = parse(
      args,
      {
        ...tenant,
        ...stdin,
        'first-name': { type: 'string' },
        'last-name': { type: 'string' },
        username: { type: 'string' },
        role: { type: 'string', multiple: true },
      },
      ['EMAIL'],
    );
    const { password, oneTime } = await passwordFor(terminal, values['password-stdin']);
    const user = await inHouse(terminal, async (house) => {
      const { call } = await callIn(house, values.tenant);
      const { users } = house.services;
      return users.create(call, {
        email: positionals[0]!,
        emailVerified: true,
        firstName: values['first-name'],
        lastName: values['last-name'],
        username: values.username,
        roles: values.role,
        password,
        mustChangePassword: oneTime,
      });
    });
    terminal.out(`${user.id} ${user.email}`);
    if (oneTime) terminal.out(`One-time password: ${password}`);
    return EXIT.done;
  },
};

const password: Command = {
  usage: 'user password EMAIL|NAME [--tenant SLUG] [--password-stdin]',
  summary: 'Sets a password and ends all sessions; prints a one-time password unless one comes by standard input',
  async run(args, terminal) {
    const { values, positionals } = parse(args, { ...tenant, ...stdin }, ['EMAIL|NAME']);
    const { password: fresh, oneTime } = await passwordFor(terminal, values['password-stdin']);
    await inHouse(terminal, async (house) => {
      const { call } = await callIn(house, values.tenant);
      const user = await find(house, call, positionals[0]!);
      await house.services.users.setPassword(call, user.id, fresh, { mustChange: oneTime });
    });
    terminal.out(oneTime ? `One-time password: ${fresh}` : 'Done.');
    return EXIT.done;
  },
};

const status = (verb: 'suspend' | 'reactivate', summary: string): Command => ({
  usage: `user ${verb} EMAIL|NAME [--tenant SLUG]`,
  summary,
  async run(args, terminal) {
    const { values, positionals } = parse(args, tenant, ['EMAIL|NAME']);
    const user = await inHouse(terminal, async (house) => {
      const { call } = await callIn(house, values.tenant);
      const { id } = await find(house, call, positionals[0]!);
      return house.services.users[verb](call, id);
    });
    terminal.out(`${user.email} is ${user.status}.`);
    return EXIT.done;
  },
});

export const userCommands: Record<string, Command> = {
  'user create': create,
  'user suspend': status('suspend', 'Bars a user from signing in and ends all sessions at once'),
  'user reactivate': status('reactivate', 'Lets a pending or suspended user sign in again'),
  'user password': password,
};
