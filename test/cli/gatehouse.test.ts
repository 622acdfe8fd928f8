import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { inEmptyDatabase } from '../support/empty-database.ts';

type Outcome = { code: number; out: string; err: string };

/** The command line as an operator starts it: a process of its own. */
async function inShell(
  work: (gatehouse: (...args: string[]) => Promise<Outcome>, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-cli-'));
  await inEmptyDatabase(async (_db, url) => {
    const env = {
      PATH: process.env['PATH'],
      NODE_ENV: 'test',
      NODE_COMPILE_CACHE: 'var/compile-cache',
      DATABASE_URL: url,
      DATA_DIR: folder,
      GATEHOUSE_MASTER_KEY: randomBytes(32).toString('base64url'),
      ARGON2_MEMORY_KIB: '8192',
      ARGON2_PASSES: '1',
    };
    const gatehouse = (...args: string[]) =>
      new Promise<Outcome>((resolve) => {
        execFile(process.execPath, ['src/cli/gatehouse.ts', ...args], { env }, (error, out, err) =>
          resolve({ code: error ? Number(error.code) : 0, out: out.trimEnd(), err: err.trimEnd() }),
        );
      });
    await work(gatehouse, folder);
  });
  await rm(folder, { recursive: true });
}

describe('the program gatehouse', () => {
  it('applies the example, changes it, and gives what it is asked for', () =>
    inShell(async (gatehouse, folder) => {
      expect(await gatehouse('migrate')).to.deep.equal({ code: 0, out: 'The schema is up to date.', err: '' });
      expect((await gatehouse('apply', 'examples/acme.yaml')).out).to.match(/\n7 done\.$/);
      expect(await gatehouse('apply', 'examples/acme.yaml')).to.deep.equal({ code: 0, out: 'Nothing to do.', err: '' });

      const file = join(folder, 'registration.yaml');
      writeFileSync(file, 'tenants: [{ slug: acme, settings: { registration: { dynamicClients: true } } }]');
      expect((await gatehouse('plan', file, '--exit-code')).code).to.equal(2);
      expect((await gatehouse('apply', file)).out).to.equal('~ acme  tenant acme (settings)\n1 done.');
      expect((await gatehouse('client', 'token', '--tenant', 'acme')).out).to.match(/^[\w-]{40,}$/);
      expect(await gatehouse('audit', 'verify')).to.deep.include({ code: 0, err: '' });
      expect((await gatehouse('audit', 'verify')).out).to.match(/^acme {2}intact {2}\d+ records$/m);
      expect((await gatehouse('keys', 'rotate-master')).out).to.equal('0 data keys sealed anew.');
    })).timeout(120_000);

  it('answers with an exit code and a sentence when it cannot', () =>
    inShell(async (gatehouse) => {
      expect(await gatehouse('fly')).to.deep.include({ code: 64, out: '' });
      expect(await gatehouse('apply', 'absent.yaml')).to.deep.include({ code: 66, out: '' });
      const { code, err } = await gatehouse('client', 'disable', 'web', '--tenant', 'nobody');
      expect([code, err.split('\n')[0]]).to.deep.equal([64, 'there is no tenant nobody']);
    })).timeout(120_000);
});
