import { webhookIds } from '../api/v1/ids.ts';
import { type Command, callIn, EXIT, inHouse, parse, UsageError, wholeNumber } from './command.ts';

const tenant = { tenant: { type: 'string' } } as const;
const A_DAY = 86_400;

const list: Command = {
  usage: 'webhook list [--tenant SLUG]',
  summary: 'Shows the webhooks of a tenant',
  async run(args, terminal) {
    const { values } = parse(args, tenant);
    const { items } = await inHouse(terminal, async (house) =>
      house.services.webhooks.list((await callIn(house, values.tenant)).call),
    );
    const lines = items.map(({ id, url, events, status, disabledReason }) =>
      [webhookIds.encode(id), disabledReason ?? status, url, events.join(',')].join('  '),
    );
    terminal.out(lines.length === 0 ? 'There are none.' : lines.join('\n'));
    return EXIT.done;
  },
};

const rotate: Command = {
  usage: 'webhook rotate ID [--tenant SLUG] [--overlap SECONDS]',
  summary:
    'Gives a webhook a new secret and prints it, once; the old one signs too for the overlap (a day unless told)',
  async run(args, terminal) {
    const { values, positionals } = parse(args, { ...tenant, overlap: { type: 'string' } }, ['ID']);
    const id = webhookIds.decode(positionals[0]!);
    if (!id) throw new UsageError('ID is whk_ and 26 letters, as `webhook list` writes it');
    const overlapSeconds = wholeNumber('overlap', values.overlap, A_DAY);
    const { webhook, secret } = await inHouse(terminal, async (house) => {
      const { call } = await callIn(house, values.tenant);
      return house.services.webhooks.rotate(call, id, { overlapSeconds });
    });
    terminal.out(`secret: ${secret}`);
    if (webhook.overlapUntil) terminal.out(`the old one signs too until ${webhook.overlapUntil.toISOString()}`);
    return EXIT.done;
  },
};

export const webhookCommands: Record<string, Command> = { 'webhook list': list, 'webhook rotate': rotate };
