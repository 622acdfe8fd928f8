import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { CliHouse, Terminal } from '../../src/cli/command.ts';
import { contractsToRead } from '../../src/cli/open.ts';
import { COMMANDS, run } from '../../src/cli/run.ts';
import { createSigningKeyService } from '../../src/domain/keys/signing-key-service.ts';
import { inTransaction, type TenantCall } from '../../src/kernel/call.ts';
import { aSlug, aTenant, aUser, operator, rooms } from '../support/rooms.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'));
process.once('exit', () => rmSync(folder, { recursive: true }));

/** Runs a command line on the test database. */
async function gatehouse(
  line: string,
  { input = '', house = {} as Partial<CliHouse> } = {},
): Promise<{ code: number; out: string; err: string; closed: number }> {
  const said = { out: [] as string[], err: [] as string[] };
  let closed = 0;
  const signingKeys = createSigningKeyService({ tenantKeys: rooms().tenantKeys, audit: rooms().audit });
  const terminal: Terminal = {
    out: (text) => void said.out.push(text),
    err: (text) => void said.err.push(text),
    readInput: async () => input,
    open: async () => ({
      services: { ...rooms(), signingKeys },
      platformSlug: 'nobody',
      operator: () => ({ ...operator(), now: new Date() }),
      issueInitialAccessToken: async (tenant, seconds) => `token of ${tenant.slug} for ${seconds}`,
      close: async () => {
        closed += 1;
      },
      ...house,
    }),
    migrate: async () => [],
    contracts: contractsToRead,
  };
  const code = await run(line.split(' ').filter(Boolean), terminal);
  return { code, out: said.out.join('\n'), err: said.err.join('\n'), closed };
}

const written = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

async function opens(call: TenantCall, email: string, password: string): Promise<boolean> {
  const user = await rooms().users.findByIdentifier(call, email);
  const [hash] = await inTransaction(call, (tx) =>
    rooms().passwordTransfer.hashesOf(tx, [{ tenantId: call.tenantId, userId: user!.id }]),
  );
  return rooms().passwords.verify(hash?.stored, password);
}

describe('the command line', () => {
  it('explains itself', async () => {
    const { code, out } = await gatehouse('help');
    expect(code).to.equal(0);
    for (const { usage } of Object.values(COMMANDS)) expect(out).to.include(usage);
    expect((await gatehouse('client rotate --help')).out).to.match(/^gatehouse client rotate ID/);
  });

  it('says what it was not told, and opens nothing', async () => {
    for (const line of [
      'fly',
      'user',
      'user fly',
      'apply',
      'apply a b',
      'apply --fast x',
      'toString',
      'client rotate x --overlap -1',
      'client create robot',
      'client token --seconds 5',
    ]) {
      const { code, err, closed } = await gatehouse(line);
      expect([code, closed], line).to.deep.equal([64, 0]);
      expect(err, line).not.to.equal('');
    }
  });

  it('closes the house, whatever happens', async () => {
    expect(await gatehouse('user suspend ann --tenant nobody')).to.include({ code: 64, closed: 1 });
    const failing = gatehouse('keys rotate-master', {
      house: {
        operator: () => {
          throw new Error('broken');
        },
      },
    });
    expect(await failing.catch((error: Error) => error.message)).to.equal('broken');
  });

  it('lists who may call what', async () => {
    const { out } = await gatehouse('routes');
    expect(out).to.match(/^POST +\/api\/v1\/auth\/login +anonymous +v1\.login$/m);
  });
});

describe('gatehouse apply, plan and export', () => {
  it('shows, makes, and writes out again', async () => {
    const slug = aSlug();
    const file = written('tenants.yaml', `tenants: [{ slug: ${slug}, apis: [{ identifier: "urn:a" }] }]`);

    expect(await gatehouse(`plan ${file} --exit-code`)).to.include({
      code: 2,
      out: `+ ${slug}  tenant ${slug}\n+ ${slug}  api urn:a\n2 to make, 0 to change, 0 left alone`,
    });
    expect(await gatehouse(`apply ${file}`)).to.include({
      code: 0,
      out: `+ ${slug}  tenant ${slug}\n+ ${slug}  api urn:a\n2 done.`,
    });
    expect(await gatehouse(`apply ${file}`)).to.include({ code: 0, out: 'Nothing to do.' });
    expect((await gatehouse(`plan ${file} --exit-code`)).code).to.equal(0);

    const exported = join(folder, 'export.yaml');
    expect((await gatehouse(`export --tenant ${slug} --out ${exported}`)).code).to.equal(0);
    expect(statSync(exported).mode & 0o777).to.equal(0o600);
    expect(readFileSync(exported, 'utf8').trimEnd()).to.equal((await gatehouse(`export --tenant ${slug}`)).out);
    expect((await gatehouse(`apply ${exported} --json`)).out).to.equal('[]');
  });

  it('tells what is wrong with a file, and by which exit code', async () => {
    const unread = await gatehouse(`apply ${written('a.yaml', 'tenants: [{ slug: a, x: 1 }]')}`);
    expect(unread).to.include({
      code: 65,
      err: 'The file cannot be applied:\n  tenants[0].x: is not known here',
      closed: 0,
    });
    const refused = await gatehouse(
      `apply ${written('b.yaml', `tenants: [{ slug: ${aSlug()}, users: [{ email: nobody }] }]`)}`,
    );
    expect(refused).to.include({
      code: 65,
      err: 'The file cannot be applied.\n  tenants[0].users[0].email: must be one plain address',
      closed: 1,
    });
    expect((await gatehouse(`apply ${join(folder, 'absent.yaml')}`)).code).to.equal(66);
    expect((await gatehouse(`export --tenant ${aSlug()}`)).code).to.equal(1);
  });
});

describe('gatehouse user', () => {
  it('makes a user with a one-time password, or with one that comes by standard input', async () => {
    const call = await aTenant();
    const { out } = await gatehouse(
      `user create ann@example.com --tenant ${call.tenant.slug} --first-name Ann --role TENANT_ADMIN`,
    );
    await gatehouse(`user create bob@example.com --tenant ${call.tenant.slug} --password-stdin`, {
      input: 'a long and winding road\n',
    });

    expect(await opens(call, 'ann@example.com', /^One-time password: (\S+)$/m.exec(out)![1]!)).to.equal(true);
    expect(await opens(call, 'bob@example.com', 'a long and winding road')).to.equal(true);
  });

  it('suspends, reactivates and gives a new password', async () => {
    const call = await aTenant();
    await aUser(call, { email: 'ann@example.com' });
    const at = `ANN@example.com --tenant ${call.tenant.slug}`;

    expect((await gatehouse(`user suspend ${at}`)).out).to.equal('ann@example.com is suspended.');
    expect((await gatehouse(`user reactivate ${at}`)).out).to.equal('ann@example.com is active.');
    const { out } = await gatehouse(`user password ${at}`);
    expect(await opens(call, 'ann@example.com', out.replace('One-time password: ', ''))).to.equal(true);
    expect(await gatehouse(`user suspend nobody --tenant ${call.tenant.slug}`)).to.include({ code: 64 });
  });

  it('says why it is refused', async () => {
    const call = await aTenant();
    await aUser(call, { email: 'ann@example.com', roles: ['TENANT_ADMIN'] });
    const { code, err } = await gatehouse(`user suspend ann@example.com --tenant ${call.tenant.slug}`);
    expect([code, err]).to.satisfy(
      ([c, e]: [number, string]) => c === 1 && e.startsWith('The last administrator must stay.'),
    );
  });
});

describe('gatehouse client', () => {
  it('makes a client, rotates its secret, and shuts it out', async () => {
    const call = await aTenant();
    const at = `--tenant ${call.tenant.slug}`;
    const good = async (secret: string) => {
      const found = await rooms().clients.findForCore({ ...call, now: new Date() }, 'web');
      return rooms().clients.matches(call, secret, found!.secretHashes);
    };

    const made = await gatehouse(`client create web --id web --redirect-uri https://app.example/cb ${at}`);
    const first = /^client_secret: (\S+)$/m.exec(made.out)![1]!;
    const rotated = await gatehouse(`client rotate web --overlap 3600 ${at}`);
    const second = /^client_secret: (\S+)$/m.exec(rotated.out)![1]!;

    expect([await good(first), await good(second)]).to.deep.equal([true, true]);
    expect((await gatehouse(`client disable web ${at}`)).out).to.equal('web is disabled.');
    expect((await gatehouse(`client enable web ${at}`)).out).to.equal('web is active.');
    expect((await gatehouse(`client disable nobody ${at}`)).code).to.equal(1);
  });

  it('gives a registration token where the tenant takes registrations', async () => {
    const [closed, open] = [await aTenant(), await aTenant({ settings: { registration: { dynamicClients: true } } })];
    expect((await gatehouse(`client token --tenant ${closed.tenant.slug}`)).code).to.equal(64);
    expect((await gatehouse(`client token --tenant ${open.tenant.slug} --seconds 60`)).out).to.equal(
      `token of ${open.tenant.slug} for 60`,
    );
  });
});

describe('gatehouse keys', () => {
  it('publishes the next signing keys of a tenant', async () => {
    const call = await aTenant();
    const { out } = await gatehouse(`keys rotate --tenant ${call.tenant.slug}`);
    expect(out)
      .to.match(/^next +RS256/m)
      .and.match(/^next +ES256/m);
  });
});

describe('gatehouse tenant restore', () => {
  it('brings back a tenant that was deleted, which no other command sees', async () => {
    const call = await aTenant();
    const { slug } = call.tenant;
    await rooms().tenants.remove({ ...call, now: new Date() });
    expect((await gatehouse(`user suspend nobody --tenant ${slug}`)).err).to.include(`there is no tenant ${slug}`);
    expect(await gatehouse(`tenant restore ${slug}`)).to.deep.include({ code: 0, out: `${slug} is active.` });
    expect((await rooms().tenants.get(call, call.tenantId)).status).to.equal('active');
    expect((await gatehouse('tenant restore nobody-here')).code).to.equal(64);
  });
});
