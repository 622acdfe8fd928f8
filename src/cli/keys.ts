import { type Command, callIn, EXIT, inHouse, parse } from './command.ts';

const rotate: Command = {
  usage: 'keys rotate [--tenant SLUG]',
  summary: 'Publishes the next signing keys of a tenant; they sign once every verifier has had time to see them',
  async run(args, terminal) {
    const { values } = parse(args, { tenant: { type: 'string' } });
    const keys = await inHouse(terminal, async (house) => {
      const { call } = await callIn(house, values.tenant);
      await house.services.signingKeys.rotate(call);
      return house.services.signingKeys.list(call);
    });
    terminal.out(keys.map(({ kid, alg, status }) => `${status.padEnd(8)}${alg}  ${kid}`).join('\n'));
    return EXIT.done;
  },
};

const rotateMaster: Command = {
  usage: 'keys rotate-master',
  summary:
    'Seals every data key under GATEHOUSE_MASTER_KEY; earlier keys stand in GATEHOUSE_MASTER_KEYS_PREVIOUS until then',
  async run(args, terminal) {
    parse(args, {});
    const count = await inHouse(terminal, ({ services, operator }) =>
      services.tenantKeys.rotateMaster(operator('rotate-master')),
    );
    terminal.out(`${count} data keys sealed anew.`);
    return EXIT.done;
  },
};

export const keyCommands: Record<string, Command> = { 'keys rotate': rotate, 'keys rotate-master': rotateMaster };
