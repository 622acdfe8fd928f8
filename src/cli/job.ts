import { jobIds } from '../api/v1/ids.ts';
import type { Job } from '../domain/jobs/job.ts';
import type { JobId } from '../kernel/ids.ts';
import { type Command, callIn, EXIT, inHouse, parse, UsageError } from './command.ts';
import { followJob } from './progress.ts';

const tenant = { tenant: { type: 'string' } } as const;

function idOf(text: string): JobId {
  const id = jobIds.decode(text);
  if (!id) throw new UsageError('ID is job_ and 26 letters, as the API and `job list` write it');
  return id;
}

const lineOf = ({ id, kind, state, done, total, createdAt }: Job): string =>
  [
    jobIds.encode(id),
    createdAt.toISOString(),
    state.padEnd(9),
    kind,
    total === null ? String(done) : `${done}/${total}`,
  ].join('  ');

const list: Command = {
  usage: 'job list [--tenant SLUG]',
  summary: 'Shows the long work of a tenant, the newest first',
  async run(args, terminal) {
    const { values } = parse(args, tenant);
    const { items } = await inHouse(terminal, async (house) =>
      house.services.jobs.list((await callIn(house, values.tenant)).call),
    );
    terminal.out(items.length === 0 ? 'There is none.' : items.map(lineOf).join('\n'));
    return EXIT.done;
  },
};

const follow: Command = {
  usage: 'job follow ID [--tenant SLUG] [--work]',
  summary:
    'Shows how a job comes on until it has ended, and answers 1 when it failed; with --work, does it in this process where no server runs',
  async run(args, terminal) {
    const { values, positionals } = parse(args, { ...tenant, work: { type: 'boolean' } }, ['ID']);
    const id = idOf(positionals[0]!);
    return inHouse(terminal, async (house) => {
      const { call } = await callIn(house, values.tenant);
      return followJob(terminal, house, call, id, { work: values.work ?? false });
    });
  },
};

const cancel: Command = {
  usage: 'job cancel ID [--tenant SLUG]',
  summary: 'Ends a job before its work is done; what it has done stays',
  async run(args, terminal) {
    const { values, positionals } = parse(args, tenant, ['ID']);
    const id = idOf(positionals[0]!);
    const job = await inHouse(terminal, async (house) =>
      house.services.jobs.cancel((await callIn(house, values.tenant)).call, id),
    );
    terminal.out(job.state === 'cancelled' ? 'cancelled' : 'will end at its next step');
    return EXIT.done;
  },
};

export const jobCommands: Record<string, Command> = { 'job list': list, 'job follow': follow, 'job cancel': cancel };
