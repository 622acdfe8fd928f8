import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { CliHouse, Terminal } from '../../src/cli/command.ts';
import { contractsToRead } from '../../src/cli/open.ts';
import { run } from '../../src/cli/run.ts';
import { aTenant, operator, rooms } from '../support/rooms.ts';

describe('gatehouse user import and export', function () {
  this.timeout(30_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gatehouse-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function gatehouse(...line: string[]) {
    const said = { out: [] as string[], err: [] as string[], live: [] as string[] };
    const terminal: Terminal = {
      out: (text) => void said.out.push(text),
      err: (text) => void said.err.push(text),
      live: (text) => void said.live.push(text),
      readInput: async () => '',
      open: async () => ({
        services: rooms() as unknown as CliHouse['services'],
        platformSlug: 'nobody',
        operator: () => ({ ...operator(), now: new Date() }),
        issueInitialAccessToken: async () => '',
        close: async () => {},
      }),
      migrate: async () => [],
      contracts: contractsToRead,
    };
    return { code: await run(line, terminal), ...said };
  }

  it('move a tenant with its hashes, and show how it comes on', async () => {
    const [from, to] = [await aTenant(), await aTenant()];
    for (const n of [1, 2, 3])
      await rooms().users.create(from, { email: `u${n}@x.test`, password: 'a long and winding road' });
    const [first, second] = [join(folder, 'first.csv'), join(folder, 'second.csv')];
    const written = await gatehouse('user', 'export', first, '--tenant', from.tenant.slug, '--with-hashes');
    expect([written.code, (await stat(first)).mode & 0o777]).to.deep.equal([0, 0o600]);
    const { code, out, live, err } = await gatehouse('user', 'import', first, '--tenant', to.tenant.slug, '--work');
    expect(code, err.join()).to.equal(0);
    expect(out).to.deep.equal([
      `succeeded: ${(await stat(first)).size.toLocaleString('en-US')} done, created: 3, problems: 0`,
    ]);
    expect(live.length).to.be.greaterThan(0);
    await gatehouse('user', 'export', second, '--tenant', to.tenant.slug, '--with-hashes');
    expect(await readFile(second, 'utf8')).to.equal(await readFile(first, 'utf8'));
    expect(await readFile(first, 'utf8')).to.include('$argon2id$');
  });

  it('write over no file, and read only those that there are', async () => {
    const { tenant } = await aTenant();
    const path = join(folder, 'mine.ndjson');
    await writeFile(path, 'mine');
    let refused: unknown;
    await gatehouse('user', 'export', path, '--tenant', tenant.slug).catch((error: unknown) => {
      refused = error;
    });
    expect((refused as { code?: string }).code).to.equal('EEXIST');
    expect(await readFile(path, 'utf8')).to.equal('mine');
    const none = await gatehouse('user', 'import', join(folder, 'none.csv'), '--tenant', tenant.slug);
    expect(none.code).to.equal(66);
    expect((await gatehouse('user', 'import', join(folder, 'what.txt'), '--tenant', tenant.slug)).code).to.equal(64);
  });
});
