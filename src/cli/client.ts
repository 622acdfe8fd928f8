import type { ClientKind } from '../domain/clients/client.ts';
import { type Command, callIn, EXIT, inHouse, parse, UsageError, wholeNumber } from './command.ts';

const tenant = { tenant: { type: 'string' } } as const;
const KINDS: readonly string[] = ['web', 'spa', 'native', 'service', 'partner'] satisfies ClientKind[];

const create: Command = {
  usage:
    'client create KIND [--tenant SLUG] [--id ID] [--name NAME] [--redirect-uri URI]... [--logout-uri URI]... [--scope SCOPE]... [--first-party]',
  summary: `Registers an application (${KINDS.join(', ')}) and prints its secret, once`,
  async run(args, terminal) {
    const { values, positionals } = parse(
      args,
      {
        ...tenant,
        id: { type: 'string' },
        name: { type: 'string' },
        'redirect-uri': { type: 'string', multiple: true },
        'logout-uri': { type: 'string', multiple: true },
        scope: { type: 'string', multiple: true },
        'first-party': { type: 'boolean' },
      },
      ['KIND'],
    );
    if (!KINDS.includes(positionals[0]!)) throw new UsageError(`KIND is one of ${KINDS.join(', ')}`);
    const { client, clientSecret } = await inHouse(terminal, async (house) => {
      const { call } = await callIn(house, values.tenant);
      return house.services.clients.create(call, {
        clientId: values.id,
        kind: positionals[0] as ClientKind,
        name: values.name,
        redirectUris: values['redirect-uri'],
        postLogoutRedirectUris: values['logout-uri'],
        scopes: values.scope,
        firstParty: values['first-party'],
      });
    });
    terminal.out(`client_id: ${client.clientId}`);
    if (clientSecret !== undefined) terminal.out(`client_secret: ${clientSecret}`);
    return EXIT.done;
  },
};

const rotate: Command = {
  usage: 'client rotate ID [--tenant SLUG] [--overlap SECONDS]',
  summary: 'Gives a client a new secret; the old ones stay good for the overlap (none unless told)',
  async run(args, terminal) {
    const { values, positionals } = parse(args, { ...tenant, overlap: { type: 'string' } }, ['ID']);
    const overlapSeconds = wholeNumber('overlap', values.overlap, 0);
    const { secret, overlapUntil } = await inHouse(terminal, async (house) => {
      const { call } = await callIn(house, values.tenant);
      return house.services.clients.rotateSecret(call, positionals[0]!, { overlapSeconds });
    });
    terminal.out(`client_secret: ${secret}`);
    if (overlapSeconds > 0) terminal.out(`The old secrets are good until ${overlapUntil.toISOString()}.`);
    return EXIT.done;
  },
};

const status = (verb: 'disable' | 'enable', summary: string): Command => ({
  usage: `client ${verb} ID [--tenant SLUG]`,
  summary,
  async run(args, terminal) {
    const { values, positionals } = parse(args, tenant, ['ID']);
    const client = await inHouse(terminal, async (house) => {
      const { call } = await callIn(house, values.tenant);
      return house.services.clients[verb](call, positionals[0]!);
    });
    terminal.out(`${client.clientId} is ${client.status}.`);
    return EXIT.done;
  },
});

const DAY = 86_400;

const token: Command = {
  usage: 'client token --tenant SLUG [--seconds N]',
  summary: 'Prints a token with which an application may register itself (RFC 7591), for a day unless told',
  async run(args, terminal) {
    const { values } = parse(args, { ...tenant, seconds: { type: 'string' } });
    const seconds = wholeNumber('seconds', values.seconds, DAY);
    if (seconds < 60 || seconds > 30 * DAY) throw new UsageError('--seconds must be 60 to 2592000');
    const value = await inHouse(terminal, async (house) => {
      const { tenant: owner } = await callIn(house, values.tenant);
      if (!owner.settings.registration.dynamicClients) {
        throw new UsageError(`${owner.slug} takes no registrations: its setting registration.dynamicClients is off`);
      }
      return house.issueInitialAccessToken(owner, seconds);
    });
    terminal.out(value);
    return EXIT.done;
  },
};

export const clientCommands: Record<string, Command> = {
  'client create': create,
  'client rotate': rotate,
  'client disable': status('disable', 'Shuts a client out and ends all it was given'),
  'client enable': status('enable', 'Lets a disabled client in again'),
  'client token': token,
};
