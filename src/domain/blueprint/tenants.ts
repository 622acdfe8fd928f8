import { newId, type TenantId } from '../../kernel/ids.ts';
import { changeSettings } from '../tenants/settings.ts';
import {
  assertSuspendable,
  assertTypeChange,
  checkedConfig,
  checkedCountry,
  checkedDomain,
  checkedName,
  checkedTenant,
  type NewTenant,
  type Tenant,
} from '../tenants/tenant.ts';
import type { TenantBlueprint } from './blueprint.ts';
import {
  byTenant,
  callOf,
  changedFields,
  declaredOnce,
  differs,
  isWrong,
  judged,
  type Site,
  type Work,
  writes,
} from './work.ts';

type Declared = { declared: TenantBlueprint; path: string };

/** Compares the tenants themselves, and makes or changes them. Gives those whose contents can be looked at. */
export async function reconcileTenants(work: Work, declared: readonly Declared[]): Promise<Site[]> {
  const slugs = declared.map((one) => one.declared.slug);
  const known = new Map(
    (await work.rooms.tenants.findBySlugs(work.tx, slugs, { lock: work.mayWrite })).map((tenant) => [
      tenant.slug,
      tenant,
    ]),
  );
  const sites: Site[] = [];
  const drafts: { draft: NewTenant; site: Site }[] = [];
  for (const one of declared) {
    const tenant = known.get(one.declared.slug);
    if (tenant?.status === 'deleted') {
      isWrong(work, `${one.path}.slug`, 'belonged to a tenant that is deleted');
    } else if (tenant) {
      const site = { ...one, tenantId: tenant.id, type: tenant.type, isNew: false };
      sites.push(site);
      await reconcileTenant(work, site, tenant);
    } else {
      const draft = await judged(work, one.path, () =>
        checkedTenant({ ...one.declared, name: one.declared.name ?? one.declared.slug }),
      );
      if (!draft) continue;
      const site = { ...one, tenantId: newId<TenantId>(), type: draft.type, isNew: true };
      differs(work, site, 'create', 'tenant', draft.slug);
      sites.push(site);
      drafts.push({ draft, site });
    }
  }
  if (drafts.length > 0 && writes(work)) await create(work, drafts);
  return sites;
}

async function create(work: Work, drafts: readonly { draft: NewTenant; site: Site }[]): Promise<void> {
  const made = await work.rooms.tenants.createAll(
    work.tx,
    drafts.map(({ draft }) => draft),
  );
  const ids = new Map(made.map(({ slug, id }) => [slug, id]));
  for (const { draft, site } of drafts) site.tenantId = ids.get(draft.slug)!;
}

async function reconcileTenant(work: Work, site: Site, tenant: Tenant): Promise<void> {
  const { declared, path } = site;
  const wanted = await judged(work, path, () => {
    assertTypeChange(tenant.type, declared.type ?? tenant.type);
    if (declared.status === 'suspended') assertSuspendable(tenant);
    return {
      name: declared.name === undefined ? undefined : checkedName(declared.name),
      type: declared.type,
      country: declared.country === undefined ? undefined : checkedCountry(declared.country),
      status: declared.status,
      config: declared.config === undefined ? undefined : checkedConfig(declared.config),
      ownSettings: declared.settings === undefined ? undefined : changeSettings(tenant.ownSettings, declared.settings),
    };
  });
  const fields = wanted ? changedFields(wanted, tenant) : [];
  if (!wanted || fields.length === 0) return;
  differs(
    work,
    site,
    'change',
    'tenant',
    tenant.slug,
    fields.map((field) => (field === 'ownSettings' ? 'settings' : field)),
  );
  if (!writes(work)) return;
  const [call, { tenants }] = [callOf(work, site), work.rooms];
  await tenants.update(call, { name: wanted.name, type: wanted.type, country: wanted.country, config: wanted.config });
  if (declared.settings) await tenants.updateSettings(call, declared.settings);
  if (wanted.status === 'suspended') await tenants.suspend(call);
  if (wanted.status === 'active') await tenants.reactivate(call);
}

/** Claims the declared domains and marks those that the operator vouches for. */
export async function reconcileDomains(work: Work, sites: readonly Site[]): Promise<void> {
  const present = byTenant(
    await work.rooms.tenants.domainsOf(
      work.tx,
      sites.map(({ tenantId }) => tenantId),
    ),
  );
  const fresh: { tenantId: TenantId; domain: string; verified: boolean }[] = [];
  for (const site of sites) {
    const known = new Map((present.get(site.tenantId) ?? []).map((one) => [one.domain, one]));
    const named = (site.declared.domains ?? []).map((one) => (typeof one === 'string' ? { domain: one } : one));
    for (const { item, path } of declaredOnce(work, `${site.path}.domains`, named, ({ domain }) =>
      domain.toLowerCase(),
    )) {
      const domain = await judged(work, path, () => checkedDomain(item.domain));
      if (domain === undefined) continue;
      const verified = item.verified ?? false;
      const there = known.get(domain);
      known.delete(domain);
      if (!there) {
        differs(work, site, 'create', 'domain', domain);
        fresh.push({ tenantId: site.tenantId, domain, verified });
      } else if (verified && !there.verifiedAt) {
        differs(work, site, 'change', 'domain', domain, ['verified']);
        if (writes(work)) await judged(work, path, () => work.rooms.tenants.verifyDomain(callOf(work, site), domain));
      }
    }
    for (const domain of known.keys()) differs(work, site, 'kept', 'domain', domain);
  }
  if (fresh.length > 0 && writes(work)) await work.rooms.tenants.addDomains(work.tx, fresh);
}
