import { expect } from 'chai';
import type { Blueprint, Mistake } from '../../../src/domain/blueprint/blueprint.ts';
import { inOperatorTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { blueprint, callIn, file, PASSWORD, SECRET, whole } from '../../support/blueprints.ts';
import { pool } from '../../support/database.ts';
import { expectFailure } from '../../support/expect.ts';
import { whileUncommitted } from '../../support/race.ts';
import { actor, aSlug, hashRuns, operator, rooms } from '../../support/rooms.ts';

const TABLES = [
  'tenants',
  'tenant_domains',
  'apis',
  'permissions',
  'roles',
  'users',
  'user_roles',
  'passwords',
  'nodes',
  'node_members',
  'node_member_roles',
  'clients',
  'client_secrets',
  'client_roles',
  'audit_events',
];
/** Every row of the tenant, to compare with later. */
const rowsOf = ({ tenantId }: TenantCall) =>
  inOperatorTransaction(operator(), async ({ db }) => {
    const rows: string[] = [];
    for (const table of TABLES) {
      const found: object[] = await db(table).where({ [table === 'tenants' ? 'id' : 'tenant_id']: tenantId });
      rows.push(...found.map((row) => JSON.stringify(row)).sort());
    }
    return rows;
  });

const mistakesOf = async (document: Blueprint): Promise<string[]> => {
  const { mistakes } = await expectFailure('blueprint_invalid', blueprint().apply(operator(), document));
  return (mistakes as Mistake[]).map(({ path }) => path);
};

describe('applying a file', () => {
  it('makes everything it names', async () => {
    const declared = whole();
    await blueprint().apply(operator(), file(declared));

    const call = await callIn(declared.slug);
    const { users, access, clients, tenants, apis } = rooms();
    const ann = await users.findByIdentifier(call, `ann@${declared.slug}.example`);
    expect(ann).to.include({ firstName: 'Ann', emailVerified: true, status: 'active' });
    expect((await access.accessOf(call, ann!.id)).roles).to.deep.equal(['TENANT_ADMIN', 'nurse']);
    expect(await users.findByIdentifier(call, 'bob')).to.include({ status: 'suspended' });
    expect((await apis.list(call)).map(({ scopes }) => scopes)).to.deep.equal([['read', 'write']]);
    expect((await tenants.listDomains(call)).map(({ verifiedAt }) => verifiedAt !== null)).to.have.members([
      true,
      false,
    ]);
    const { client, secretHashes } = (await clients.findForCore(call, 'web'))!;
    expect(client).to.deep.include({ firstParty: true, apiScopes: [] });
    expect(await clients.matches(call, SECRET, secretHashes)).to.equal(true);
  });

  it('a second time writes nothing at all and hashes nothing anew', async () => {
    const declared = whole();
    await blueprint().apply(operator(), file(declared));
    const call = await callIn(declared.slug);
    const before = await rowsOf(call);
    hashRuns.length = 0;

    const done = await blueprint().apply(operator(new Date('2026-07-01')), file(declared));

    expect(done).to.deep.equal([]);
    expect(await rowsOf(call)).to.deep.equal(before);
    expect(hashRuns.map(({ kind }) => kind)).to.deep.equal(['verify']);
  });

  it('changes what differs and leaves alone what the file does not name', async () => {
    const declared = whole();
    await blueprint().apply(operator(), file(declared));
    const call = await callIn(declared.slug);
    const { users, clients, apis } = rooms();
    await apis.create(call, { identifier: 'https://other.example' });

    const done = await blueprint().apply(
      operator(),
      file({
        slug: declared.slug,
        settings: { locale: 'ar' },
        users: [{ email: `ann@${declared.slug}.example`, lastName: 'Lee', roles: ['TENANT_ADMIN'] }],
        clients: [
          { clientId: 'web', kind: 'web', redirectUris: ['https://app.example/new'], clientSecret: `${SECRET}2` },
        ],
      }),
    );

    expect(done.map(({ kind, fields }) => [kind, fields])).to.deep.equal([
      ['tenant', ['settings']],
      ['user', ['lastName', 'email', 'roles']],
      ['client', ['metadata', 'clientSecret']],
    ]);
    const tenant = await rooms().tenants.get(operator(), call.tenantId);
    expect(tenant.ownSettings).to.deep.equal({ locale: 'ar', tokens: { idTokenSeconds: 120 } });
    expect(await users.findByIdentifier(call, `ann@${declared.slug}.example`)).to.include({
      firstName: 'Ann',
      lastName: 'Lee',
      emailVerified: true,
    });
    const { client, secretHashes } = (await clients.findForCore(call, 'web'))!;
    expect(client).to.include({ firstParty: true });
    expect([
      await clients.matches(call, SECRET, secretHashes),
      await clients.matches(call, `${SECRET}2`, secretHashes),
    ]).to.deep.equal([false, true]);
    expect((await apis.list(call)).length).to.equal(2);
  });

  it('sets a password only where it is not the password already', async () => {
    const slug = aSlug();
    const email = `ann@${slug}.example`;
    const withPassword = (password: string) => file({ slug, users: [{ email, password }] });
    await blueprint().apply(operator(), withPassword(PASSWORD));
    const hash = async () => {
      const call = await callIn(slug);
      const user = await rooms().users.findByIdentifier(call, email);
      const [found] = await inOperatorTransaction(operator(), (tx) =>
        rooms().passwordTransfer.hashesOf(tx, [{ tenantId: call.tenantId, userId: user!.id }]),
      );
      return found!.stored;
    };
    const first = await hash();

    await blueprint().apply(operator(), withPassword(PASSWORD));
    expect(await hash()).to.deep.equal(first);
    await blueprint().apply(operator(), withPassword('quite another sentence'));
    expect(await rooms().passwords.verify(await hash(), 'quite another sentence')).to.equal(true);
    await blueprint().apply(operator(), file({ slug, users: [{ email, passwordHash: first.hash }] }));
    expect(await rooms().passwords.verify(await hash(), PASSWORD)).to.equal(false);
  });

  it('does by the same rules what a person would do', async () => {
    const declared = whole();
    await blueprint().apply(operator(), file(declared));
    const email = `ann@${declared.slug}.example`;

    expect(await mistakesOf(file({ slug: declared.slug, users: [{ email, status: 'suspended' }] }))).to.deep.equal([
      'tenants[0].users[0]',
    ]);
    expect(await mistakesOf(file({ slug: declared.slug, users: [{ email, roles: [] }] }))).to.deep.equal([
      'tenants[0].users[0]',
    ]);
  });

  it('takes all of a file or nothing of it', async () => {
    const [good, bad] = [whole(), whole()];
    bad.users?.map((user) => Object.assign(user, { username: 'Same' }));

    await expectFailure('username_taken', blueprint().apply(operator(), file(good, bad)));
    expect(await rooms().tenants.findBySlug(operator(), good.slug)).to.equal(undefined);
  });

  it('names every mistake with its place', async () => {
    const [good, slug] = [whole(), aSlug()];
    const paths = await mistakesOf(
      file(
        good,
        {
          slug,
          domains: ['nowhere'],
          apis: [{ identifier: 'nothing' }, { identifier: 'urn:a' }, { identifier: 'urn:a' }],
          roles: [{ name: 'AUDITOR' }],
          users: [
            { email: 'nobody' },
            { email: 'a@b.example', roles: ['nurse'] },
            { email: 'A@B.example' },
            { email: 'c@b.example', phone: '1' },
            { email: 'd@b.example', passwordHash: 'garbage' },
          ],
          clients: [
            { clientId: 'web', kind: 'web' },
            { clientId: 's', kind: 'spa', redirectUris: ['https://a.example/'], clientSecret: SECRET },
          ],
        },
        { slug },
        { slug: 'API' },
      ),
    );

    expect(paths).to.have.members([
      'tenants[2]',
      'tenants[3].slug',
      'tenants[1].domains[0].domain',
      'tenants[1].apis[0].identifier',
      'tenants[1].apis[2]',
      'tenants[1].roles[0]',
      'tenants[1].users[0].email',
      'tenants[1].users[1].roles',
      'tenants[1].users[2]',
      'tenants[1].users[3].phone',
      'tenants[1].users[4].passwordHash',
      'tenants[1].clients[0].redirectUris',
      'tenants[1].clients[1].clientSecret',
    ]);
    expect(await rooms().tenants.findBySlug(operator(), good.slug)).to.equal(undefined);
  });

  it('names a password that the policy refuses', async () => {
    const paths = await mistakesOf(file({ slug: aSlug(), users: [{ email: 'a@b.example', password: 'password' }] }));
    expect(paths).to.deep.equal(['tenants[0].users[0].password']);
  });

  it('is done by one of two nodes that start at the same moment; the other finds nothing to do', async () => {
    const declared = whole();
    const second = await whileUncommitted(
      pool(),
      (hold) =>
        inOperatorTransaction(operator(), async (tx) => {
          await blueprint().apply(tx, file(declared));
          await hold();
        }),
      () => blueprint().apply(operator(), file(declared)),
    );
    expect(second).to.deep.equal({ status: 'fulfilled', value: [] });
  });

  it('is for nobody but the service itself', async () => {
    const call = { ...operator(), actor: actor(['iam.tenants:write'], ['SUPER_ADMIN']) };
    await expectFailure('forbidden', blueprint().apply(call, file()));
    await expectFailure('forbidden', blueprint().plan(call, file()));
    await expectFailure('forbidden', blueprint().exportAll(call));
  });
});
