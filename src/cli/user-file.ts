import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { jobIds } from '../api/v1/ids.ts';
import type { FileFormat } from '../domain/user-transfer/user-file.ts';
import { type Command, callIn, EXIT, inHouse, parse, UsageError } from './command.ts';
import { followJob } from './progress.ts';

const options = { tenant: { type: 'string' }, format: { type: 'string' } } as const;

/** As it was said, or else by the file's name. */
function formatOf(path: string, said: string | undefined): FileFormat {
  const format = said ?? { '.csv': 'csv', '.ndjson': 'ndjson', '.jsonl': 'ndjson' }[extname(path).toLowerCase()];
  if (format === 'csv' || format === 'ndjson') return format;
  throw new UsageError('--format must be ndjson or csv, or the name of the file end in .ndjson, .jsonl or .csv');
}

const importUsers: Command = {
  usage: 'user import FILE [--tenant SLUG] [--format ndjson|csv] [--work]',
  summary:
    'Makes users from a file, with the hashes of their passwords, and shows how it comes on; with --work, does it in this process where no server runs',
  async run(args, terminal) {
    const { values, positionals } = parse(args, { ...options, work: { type: 'boolean' } }, ['FILE']);
    const [path] = positionals as [string];
    const format = formatOf(path, values.format);
    return inHouse(terminal, async (house) => {
      const { call } = await callIn(house, values.tenant);
      const { userTransfer } = house.services;
      const file = await open(path);
      const received = await userTransfer.receive(call, file.createReadStream(), { format });
      const { id } = await userTransfer.startImport(call, received);
      terminal.err(jobIds.encode(id));
      return followJob(terminal, house, call, id, { work: values.work ?? false });
    });
  },
};

const exportUsers: Command = {
  usage: 'user export FILE [--tenant SLUG] [--format ndjson|csv] [--with-hashes]',
  summary:
    'Writes all users to a new file that `user import` takes; with --with-hashes also what their passwords are checked by, for a move to another house',
  async run(args, terminal) {
    const { values, positionals } = parse(args, { ...options, 'with-hashes': { type: 'boolean' } }, ['FILE']);
    const [path] = positionals as [string];
    const format = formatOf(path, values.format);
    await inHouse(terminal, async (house) => {
      const { call } = await callIn(house, values.tenant);
      const text = await house.services.userTransfer.export(call, {
        format,
        withHashes: values['with-hashes'] ?? false,
      });
      // For its owner alone, and never over another file.
      await pipeline(Readable.from(text), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
    });
    terminal.out(`Written to ${path}.`);
    return EXIT.done;
  },
};

export const userFileCommands: Record<string, Command> = { 'user import': importUsers, 'user export': exportUsers };
