import { type Command, EXIT, inHouse, parse, UsageError } from './command.ts';

const restore: Command = {
  usage: 'tenant restore SLUG',
  summary: 'Brings back a tenant that was deleted, until it is erased',
  async run(args, terminal) {
    const { positionals } = parse(args, {}, ['SLUG']);
    const tenant = await inHouse(terminal, async ({ services, operator }) => {
      const call = operator('command line');
      const known = await services.tenants.findBySlug(call, positionals[0]!);
      if (!known) throw new UsageError(`there is no tenant ${positionals[0]}`);
      return services.tenants.restore({ ...call, tenantId: known.id });
    });
    terminal.out(`${tenant.slug} is ${tenant.status}.`);
    return EXIT.done;
  },
};

export const tenantCommands: Record<string, Command> = { 'tenant restore': restore };
