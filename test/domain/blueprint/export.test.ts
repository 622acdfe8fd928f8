import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseBlueprint, printBlueprint } from '../../../src/cli/blueprint-file.ts';
import { inOperatorTransaction, type OperatorCall } from '../../../src/kernel/call.ts';
import { blueprint, callIn, file, PASSWORD, SECRET, whole } from '../../support/blueprints.ts';
import { inEmptyDatabase } from '../../support/empty-database.ts';
import { expectFailure } from '../../support/expect.ts';
import { aSlug, operator, rooms } from '../../support/rooms.ts';

describe('a plan', () => {
  it('says what applying would do, and writes nothing', async () => {
    const declared = whole();
    const planned = await blueprint().plan(operator(), file(declared));
    expect(await rooms().tenants.findBySlug(operator(), declared.slug)).to.equal(undefined);

    expect(await blueprint().apply(operator(), file(declared))).to.deep.equal(planned);
    expect(
      (await blueprint().plan(operator(), file(declared))).filter(({ action }) => action !== 'kept'),
    ).to.deep.equal([]);
  });

  it('says what it would leave alone, though it is not in the file', async () => {
    const declared = whole();
    await blueprint().apply(operator(), file(declared));
    const planned = await blueprint().plan(
      operator(),
      file({ slug: declared.slug, users: [{ email: `bob@${declared.slug}.example` }] }),
    );

    expect(planned.map(({ action, kind, name }) => `${action} ${kind} ${name}`)).to.have.members([
      `kept domain ${declared.slug}.example`,
      `kept domain login.${declared.slug}.example`,
      'kept api https://api.example',
      'kept permission ward.beds:read',
      'kept permission ward.beds:write',
      'kept role nurse',
      'kept user 1 more',
      'kept node 3 more',
      'kept member 3 more',
      'kept client robot',
      'kept client spa',
      'kept client web',
      'kept webhook https://hooks.example/all',
      'kept webhook https://hooks.example/users',
    ]);
  });
});

describe('an export', () => {
  const printed = async (call: OperatorCall, slugs?: string[]) =>
    printBlueprint(await blueprint().exportAll(call, { slugs }));

  it('applied to an empty database gives the same export, byte for byte', async () => {
    const settings = {
      ...({ currency: 'EUR', dateFormat: 'dd.MM.yyyy', maxUsers: 50, maxInstances: 2 } as const),
      features: { lab: true, billing: false },
    };
    const [acme, globex] = [whole(), whole(aSlug(), { status: 'suspended', type: 'partner', settings })];
    await blueprint().apply(operator(), file(globex, acme));
    await rooms().clients.update(await callIn(acme.slug), 'web', {
      profile: null,
      jwksUri: 'https://app.example/jwks',
      logoUri: 'https://app.example/logo.png',
    });
    const exported = await printed(operator(), [acme.slug, globex.slug]);

    await inEmptyDatabase(async (db) => {
      const there = { ...operator(new Date('2026-08-01')), db };
      await blueprint().apply(there, parseBlueprint(exported));
      expect(await printed(there)).to.equal(exported);
      expect(await blueprint().apply(there, parseBlueprint(exported))).to.deep.equal([]);
    });
  });

  it('brings users with their passwords and subjects, and no secret of a client', async () => {
    const declared = whole();
    await blueprint().apply(operator(), file(declared));
    const document = await blueprint().exportAll(operator(), { slugs: [declared.slug] });
    expect(JSON.stringify(document)).not.to.include('ecret"').and.not.to.include(SECRET).and.not.to.include('whsec_');

    await inEmptyDatabase(async (db) => {
      const there = { ...operator(), db };
      await blueprint().apply(there, document);
      const { id } = (await rooms().tenants.findBySlug(there, declared.slug))!;
      const ann = await rooms().users.findByIdentifier({ ...there, tenantId: id }, `ann@${declared.slug}.example`);
      const [hash] = await inOperatorTransaction(there, (tx) =>
        rooms().passwordTransfer.hashesOf(tx, [{ tenantId: id, userId: ann!.id }]),
      );
      expect(await rooms().passwords.verify(hash!.stored, PASSWORD)).to.equal(true);
      expect(ann!.id).to.equal(
        (await rooms().users.findByIdentifier(await callIn(declared.slug), `ann@${declared.slug}.example`))!.id,
      );
    });
  });

  it('can go without password hashes', async () => {
    const declared = whole();
    await blueprint().apply(operator(), file(declared));
    const document = await blueprint().exportAll(operator(), { slugs: [declared.slug], passwords: false });
    expect(JSON.stringify(document)).not.to.include('passwordHash').and.not.to.include('argon2');
  });

  it('of a tenant that is not there is refused', async () => {
    await expectFailure('tenant_not_found', blueprint().exportAll(operator(), { slugs: [aSlug()] }));
  });
});

describe('the example of the documentation', () => {
  it('works as it stands', () =>
    inEmptyDatabase(async (db) => {
      const there = { ...operator(), db };
      const example = parseBlueprint(readFileSync('examples/acme.yaml', 'utf8'));
      expect(await blueprint().apply(there, example)).to.have.lengthOf(7);
      expect(await blueprint().apply(there, example)).to.deep.equal([]);
    }));
});
