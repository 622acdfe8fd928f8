import { expect } from 'chai';
import { createTenantDirectory, type TenantDirectory } from '../../../src/domain/tenants/tenant-directory.ts';
import { newId, type TenantId } from '../../../src/kernel/ids.ts';
import { pool } from '../../support/database.ts';
import { aTenant, rooms } from '../../support/rooms.ts';

const asking = () => ({ db: pool(), actor: { kind: 'system', name: 'test' } as const, now: new Date() });

describe('the tenant directory', () => {
  let directory: TenantDirectory;
  beforeEach(() => {
    directory = createTenantDirectory({ tenantKeys: rooms().tenantKeys });
  });

  const slugOf = async (tenantId: TenantId) => (await directory.byId(asking(), tenantId))!.slug;

  it('knows one object of a tenant under all its names, until it is forgotten', async () => {
    const { tenantId } = await aTenant();
    const byId = await directory.byId(asking(), tenantId);
    const bySlug = await directory.bySlug(asking(), byId!.slug);
    expect(bySlug).to.equal(byId);

    directory.forget(tenantId);

    expect(await directory.bySlug(asking(), byId!.slug)).to.not.equal(byId);
  });

  it('keeps all other tenants when one has changed', async () => {
    const [acme, other] = [await aTenant(), await aTenant()];
    const slug = await slugOf(other.tenantId);
    const before = await directory.bySlug(asking(), slug);

    directory.forget(acme.tenantId);

    expect(await directory.bySlug(asking(), slug)).to.equal(before);
  });

  it('does not keep what was read before a change, and does keep what others read meanwhile', async () => {
    const [acme, other] = [await aTenant(), await aTenant()];
    const [stale, fresh] = [directory.byId(asking(), acme.tenantId), directory.byId(asking(), other.tenantId)];
    // Both have been sent to the database, and neither has come back.
    await new Promise(process.nextTick);
    directory.forget(acme.tenantId);

    expect(await directory.byId(asking(), acme.tenantId)).to.not.equal(await stale);
    expect(await directory.byId(asking(), other.tenantId)).to.equal(await fresh);
  });

  it('follows a domain from one tenant to another', async () => {
    const [acme, other] = [await aTenant(), await aTenant()];
    const domain = `${newId()}.example.com`;
    const { tenants } = rooms();
    await tenants.addDomain(acme, domain);
    await tenants.verifyDomain(acme, domain);
    expect((await directory.byDomain(asking(), domain))?.id).to.equal(acme.tenantId);

    await tenants.removeDomain(acme, domain);
    await tenants.addDomain(other, domain);
    await tenants.verifyDomain(other, domain);
    directory.forget(acme.tenantId);
    directory.forget(other.tenantId);

    expect((await directory.byDomain(asking(), domain))?.id).to.equal(other.tenantId);
  });

  it('asks again for a name that nobody had, once any tenant has changed', async () => {
    const slug = `s${newId().replaceAll('-', '')}`;
    expect(await directory.bySlug(asking(), slug)).to.equal(undefined);
    const tenant = await rooms().tenants.create(asking(), { slug, name: 'New', type: 'customer', country: 'US' });

    directory.forget(tenant.id);

    expect((await directory.bySlug(asking(), slug))?.id).to.equal(tenant.id);
  });
});
