import { expect } from 'chai';
import { inOperatorTransaction, inTransaction, type OperatorCall } from '../../../src/kernel/call.ts';
import type { TenantId } from '../../../src/kernel/ids.ts';
import { pool } from '../../support/database.ts';
import { inEmptyDatabase } from '../../support/empty-database.ts';
import { expectFailure } from '../../support/expect.ts';
import { whileUncommitted } from '../../support/race.ts';
import { aSlug, aTenant, auditOf, NOON, operator, rooms } from '../../support/rooms.ts';

const on = (db: OperatorCall['db']): OperatorCall => ({ ...operator(), db });

describe('a new tenant', () => {
  it('has its data key, its system roles and the default settings', async () => {
    const call = await aTenant({ name: ' Acme ', country: 'US' });

    expect(call.tenant).to.include({ name: 'Acme', country: 'US', type: 'customer', status: 'active' });
    expect(call.tenant.settings.locale).to.equal('en');
    expect(await rooms().tenantKeys.keyFor(call, 'csrf')).to.have.lengthOf(32);
    expect((await rooms().access.list(call)).items.map(({ name }) => name)).to.deep.equal([
      'AUDITOR',
      'TENANT_ADMIN',
      'USER_ADMIN',
    ]);
    expect(await auditOf(call)).to.deep.equal(['tenant.created']);
  });

  it('cannot have the slug of another, not even when both are made at once', async () => {
    const slug = aSlug();
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4].map((n) => rooms().tenants.create(operator(), { slug, name: `Acme ${n}` })),
    );

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(1);
    await expectFailure('slug_taken', rooms().tenants.create(operator(), { slug, name: 'Acme' }));
  });

  it('has a slug that means nothing else in a URL', async () => {
    for (const slug of [
      'api',
      't',
      'oauth',
      'well-known',
      'health',
      'assets',
      'Acme',
      '-a',
      'a-',
      'a.b',
      'a'.repeat(64),
      '',
      'é',
    ]) {
      await expectFailure('invalid_input', rooms().tenants.create(operator(), { slug, name: 'Acme' }));
    }
  });

  it('has a name of plain characters and a country of two letters', async () => {
    for (const draft of [
      { name: '' },
      { name: 'a\u0000' },
      { name: 'x'.repeat(101) },
      { name: 'A\u202e' },
      { name: 'A', country: 'usa' },
    ]) {
      await expectFailure('invalid_input', rooms().tenants.create(operator(), { slug: aSlug(), ...draft }));
    }
  });

  it('is never a second platform', async () => {
    await expectFailure(
      'invalid_input',
      rooms().tenants.create(operator(), { slug: aSlug(), name: 'P', type: 'platform' }),
    );
  });
});

describe('the platform tenant', () => {
  it('is made once, by one of two nodes that start at the same moment', () =>
    inEmptyDatabase(async (db) => {
      const ensure = (call: OperatorCall) =>
        rooms().tenants.ensurePlatform(call, { slug: 'platform', name: 'Gatehouse' });
      let first: { tenant: { id: TenantId }; created: boolean } | undefined;

      const second = await whileUncommitted(
        db,
        (hold) =>
          inOperatorTransaction(on(db), async (tx) => {
            first = await ensure(tx);
            await hold();
          }),
        () => ensure(on(db)),
      );

      expect(first?.created).to.equal(true);
      expect(second.status === 'fulfilled' && [second.value.created, second.value.tenant.id]).to.deep.equal([
        false,
        first?.tenant.id,
      ]);
      const { items: roles } = await rooms().access.list({ ...on(db), tenantId: first!.tenant.id });
      expect(roles.map(({ name }) => name)).to.include('SUPER_ADMIN');
      await expectFailure('conflict', rooms().tenants.suspend({ ...on(db), tenantId: first!.tenant.id }));
    }));
});

describe('a change of a tenant', () => {
  it('writes what changes and tells of it once', async () => {
    const call = { ...(await aTenant()), now: new Date(NOON.getTime() + 1000) };
    const { tenants } = rooms();

    const changed = await tenants.update(call, { name: 'Globex' });
    const again = await tenants.update({ ...call, now: new Date() }, { name: 'Globex' });
    await tenants.updateSettings(call, { locale: 'fr', tokens: { idTokenSeconds: 60 } });
    const settled = await tenants.updateSettings(
      { ...call, now: new Date() },
      { tokens: { idTokenSeconds: 60 }, locale: 'fr' },
    );

    expect(changed).to.include({ name: 'Globex', country: null });
    expect(again.updatedAt).to.deep.equal(call.now);
    expect(settled.updatedAt).to.deep.equal(call.now);
    expect(settled.ownSettings).to.deep.equal({ locale: 'fr', tokens: { idTokenSeconds: 60 } });
    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'tenant.updated', 'tenant.settings_updated']);
  });

  it('is announced to the other nodes', async () => {
    const call = await aTenant();
    await rooms().tenants.suspend(call);
    expect(await pool()('changes').where({ topic: `tenant:${call.tenantId}` })).not.to.have.lengthOf(0);
  });

  it('suspends and reactivates, each once', async () => {
    const call = await aTenant();
    const { tenants } = rooms();
    await tenants.suspend(call);
    expect((await tenants.suspend(call)).status).to.equal('suspended');
    await tenants.reactivate(call);
    expect((await tenants.reactivate(call)).status).to.equal('active');
    expect(await auditOf(call)).to.deep.equal(['tenant.created', 'tenant.suspended', 'tenant.reactivated']);
  });

  it('does not reach another tenant', async () => {
    const [acme, globex] = [await aTenant(), await aTenant()];
    await rooms().tenants.update(acme, { name: 'Changed' });
    expect((await rooms().tenants.get(operator(), globex.tenantId)).name).to.equal('Acme');
  });
});

describe('the list of tenants', () => {
  it('is searched by slug and name, where wildcards are letters', async () => {
    const call = await aTenant({ name: '100%_sure' });
    const names = async (search: string) =>
      (await rooms().tenants.list(operator(), { search })).items.map(({ id }) => id);

    expect(await names('0%_s')).to.deep.equal([call.tenantId]);
    expect(await names(call.tenant.slug)).to.deep.equal([call.tenantId]);
    expect(await names('%%%')).to.deep.equal([]);
    await expectFailure('invalid_input', names('x'));
  });

  it('comes in pages that are whole numbers', async () => {
    for (const query of [
      { page: 0 },
      { page: -1 },
      { page: 1.5 },
      { page: Number.NaN },
      { pageSize: 0 },
      { pageSize: 101 },
      { pageSize: Number.NaN },
    ]) {
      await expectFailure('invalid_input', rooms().tenants.list(operator(), query));
    }
    await aTenant();
    const { items, total } = await rooms().tenants.list(operator(), { pageSize: 1 });
    expect(items).to.have.lengthOf(1);
    expect(total).to.be.greaterThan(0);
  });
});

describe('a domain', () => {
  it('is claimed by many and proven by one', async () => {
    const [acme, globex] = [await aTenant(), await aTenant()];
    const domain = `${aSlug()}.example`;
    const { tenants } = rooms();

    await tenants.addDomain(acme, domain.toUpperCase());
    await tenants.addDomain(acme, `${domain}.`);
    await tenants.addDomain(globex, domain);
    await tenants.verifyDomain(acme, domain);
    await tenants.verifyDomain(acme, domain);

    const [own, ...others] = await tenants.listDomains(acme);
    expect([own?.domain, own?.verifiedAt, others]).to.deep.equal([domain, NOON, []]);
    await expectFailure('domain_taken', tenants.verifyDomain(globex, domain));
    await tenants.removeDomain(acme, domain);
    await expectFailure('domain_not_found', tenants.removeDomain(acme, domain));
    expect((await tenants.verifyDomain(globex, domain)).verifiedAt).to.deep.equal(NOON);
  });

  it('is a host name and no address', async () => {
    const call = await aTenant();
    for (const domain of [
      'localhost',
      '127.0.0.1',
      '[::1]',
      'a b.example',
      'x.example/path',
      'x.example:80',
      `${'a'.repeat(64)}.example`,
    ]) {
      await expectFailure('invalid_input', rooms().tenants.addDomain(call, domain));
    }
  });
});

describe('rows of a tenant', () => {
  it('are not there for a statement that runs in no tenant', async () => {
    const call = await aTenant();
    expect(await pool()('tenants').where({ id: call.tenantId })).to.deep.equal([]);
    expect(await inTransaction(await aTenant(), ({ db }) => db('tenants').where({ id: call.tenantId }))).to.deep.equal(
      [],
    );
  });
});
