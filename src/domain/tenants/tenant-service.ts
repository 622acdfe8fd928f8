import { inOperatorTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { likePattern, type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import { assertVersion, type Expected } from '../../kernel/version.ts';
import type { AccessService } from '../access/access-service.ts';
import { assertHolds } from '../access/role.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { hasSecrets, sealSecrets } from './secret-settings.ts';
import { changeSettings, type SettingsChange } from './settings.ts';
import {
  assertNotPlatform,
  assertSuspendable,
  assertTypeChange,
  auditedTenant,
  checkedConfig,
  checkedCountry,
  checkedName,
  checkedTenant,
  type NewTenant,
  type Tenant,
  type TenantChange,
  type TenantDraft,
  versionOfSettings,
  versionOfTenant,
} from './tenant.ts';
import { createTenantChange, type Decision, notFound } from './tenant-change.ts';
import { createTenantDomains } from './tenant-domains.ts';
import { createTenantErasure } from './tenant-erasure.ts';
import { createTenantLives } from './tenant-lives.ts';
import { checkedSlug, slugsFor } from './tenant-slug.ts';
import * as store from './tenant-store.ts';

export type TenantServiceDeps = {
  audit: AuditService;
  access: AccessService;
  tenantKeys: Pick<TenantKeyService, 'create' | 'keyFor'>;
};

/**
 * Tenants. Work across them takes an `OperatorCall`; work on one takes a call of that tenant. Who may do it is asked by
 * the face. Caches of all nodes hear of every change by the table's trigger.
 */
export function createTenantService({ audit, access, tenantKeys }: TenantServiceDeps) {
  const { change, tellOperators } = createTenantChange({ audit });

  /** Tenants with their data keys and system roles; those whose slug was taken are left out. */
  async function insertAll(tx: OperatorCall, drafts: readonly NewTenant[]): Promise<Tenant[]> {
    const tenants = await store.insert(
      tx,
      drafts.map((draft) => ({ ...draft, id: newId<TenantId>() })),
    );
    for (const { id } of tenants) await tenantKeys.create({ ...tx, tenantId: id });
    await access.createSystemRoles(tx, tenants);
    const action = 'tenant.created';
    await audit.recordAll(
      tx,
      tenants.map((tenant) => ({
        tenantId: tenant.id,
        action,
        target: `tenant:${tenant.slug}`,
        after: auditedTenant(tenant),
      })),
    );
    await tellOperators(tx, action, tenants);
    return tenants;
  }

  const sealed = async (call: TenantCall, settings: SettingsChange): Promise<SettingsChange> =>
    hasSecrets(settings) ? sealSecrets(settings, await tenantKeys.keyFor(call, 'seal'), call.tenantId) : settings;

  return {
    ...createTenantLives({ change }),
    ...createTenantDomains({ audit }),
    ...createTenantErasure({ tellOperators }),

    /**
     * Makes a tenant with its data key and its system roles. Without a slug it gets one after its name.
     *
     * @throws Failure `invalid_input`, `slug_taken` (for ever: a slug outlives its tenant)
     */
    async create(
      call: OperatorCall,
      { slug, ...draft }: Omit<TenantDraft, 'slug'> & { slug?: string | undefined },
    ): Promise<Tenant> {
      const slugs = slug === undefined ? slugsFor(draft.name) : [slug];
      const checked = slugs.map((one) => checkedTenant({ ...draft, slug: one }));
      assertTypeChange('customer', draft.type ?? 'customer');
      return inOperatorTransaction(call, async (tx) => {
        for (const one of checked) {
          const [tenant] = await insertAll(tx, [one]);
          if (tenant) return tenant;
        }
        throw new Failure('slug_taken', { slugs });
      });
    },

    /** Several tenants in few statements, in the caller's transaction; fails as `create` does, for all. */
    async createAll(tx: OperatorCall, drafts: readonly NewTenant[]): Promise<Tenant[]> {
      const tenants = await insertAll(tx, drafts);
      if (tenants.length < drafts.length) {
        const made = new Set(tenants.map(({ slug }) => slug));
        throw new Failure('slug_taken', { slugs: drafts.map(({ slug }) => slug).filter((slug) => !made.has(slug)) });
      }
      return tenants;
    },

    /**
     * Gives the platform tenant, and makes it at the very first start. Two nodes may ask at once: one makes it, the
     * other waits for that and finds it. One that exists keeps its slug.
     *
     * @throws Failure `slug_taken` when another tenant has the slug
     */
    async ensurePlatform(
      call: OperatorCall,
      draft: { slug: string; name: string },
    ): Promise<{ tenant: Tenant; created: boolean }> {
      return inOperatorTransaction(call, async (tx) => {
        const known = await store.findPlatform(tx);
        if (known) return { tenant: known, created: false };
        const [created] = await insertAll(tx, [checkedTenant({ ...draft, type: 'platform' })]);
        if (created) return { tenant: created, created: true };
        const other = (await store.findPlatform(tx)) ?? taken(draft.slug);
        return { tenant: other, created: false };
      });
    },

    /** One that is there. @throws Failure `tenant_not_found`, also for one that is deleted */
    async get(call: OperatorCall, id: TenantId): Promise<Tenant> {
      const tenant = await inOperatorTransaction(call, (tx) => store.find(tx, id));
      return tenant && tenant.status !== 'deleted' ? tenant : notFound(id);
    },

    /** How many users a tenant has who are not gone for good; nobody is counted for it, so it may be asked at any time. */
    async userCount(call: OperatorCall, id: TenantId): Promise<number> {
      return (await inOperatorTransaction(call, (tx) => store.userCounts(tx, [id]))).get(id) ?? 0;
    },

    async findBySlug(call: OperatorCall, slug: string): Promise<Tenant | undefined> {
      if (slug.length > LIMITS.slugChars) return undefined;
      const [tenant] = await inOperatorTransaction(call, (tx) => store.findBySlugs(tx, [slug]));
      return tenant;
    },

    /** Those that exist of the named ones, in the caller's transaction; `lock` holds them until it ends. */
    findBySlugs: (tx: OperatorCall, slugs: readonly string[], options?: { lock: boolean }): Promise<Tenant[]> =>
      store.findBySlugs(tx, slugs, options),

    /** Up to `limit` slugs after `after`, in order, in the caller's transaction. */
    slugsAfter: (tx: OperatorCall, after: string, limit: number): Promise<string[]> =>
      store.slugsAfter(tx, after, limit),

    /**
     * A page of tenants by slug, each with its number of users; of those that are there, unless `status` asks for the
     * deleted ones. `search` looks into slug and name.
     *
     * @throws Failure `invalid_input`
     */
    async list(
      call: OperatorCall,
      { search, type, status, ...query }: PageQuery & store.TenantFilter = {},
    ): Promise<Page<Tenant & { userCount: number }>> {
      const window = pageWindow(query);
      const filter = { type, status, search: search === undefined ? undefined : likePattern(search) };
      return inOperatorTransaction(call, async (tx) => {
        const { items, total } = await store.list(tx, filter, window);
        const ids = items.map(({ id }) => id);
        const counts = ids.length === 0 ? new Map<TenantId, number>() : await store.userCounts(tx, ids);
        const counted = items.map((tenant) => ({ ...tenant, userCount: counts.get(tenant.id) ?? 0 }));
        return { items: counted, total, page: window.page, pageSize: window.limit };
      });
    },

    /**
     * Changes the call's tenant; what is left out stays. Another slug moves its issuer at once: tokens, sessions and
     * applications that name the old one are of no use, and nobody ever gets it again.
     *
     * @param expected the versions of which the tenant must be one
     * @throws Failure `tenant_not_found`, `invalid_input`, `slug_taken`, `precondition_failed`; `conflict` for what the
     *   platform tenant keeps
     */
    update: (call: TenantCall, wanted: TenantChange, expected?: Expected): Promise<Tenant> =>
      change(call, (tenant) => {
        if (tenant.status === 'deleted') return notFound(tenant.id);
        assertVersion(expected, versionOfTenant(tenant));
        return decided(tenant, wanted);
      }),

    /**
     * Puts a change over the tenant's settings; null takes one back to the default. Secrets come in plain, and are
     * sealed here. Those of the platform tenant decide who gets the operators' letters: they are for operators.
     *
     * @param expected the versions of which the settings must be one
     * @throws Failure `tenant_not_found`, `invalid_input`, `precondition_failed`; `privilege_escalation`
     */
    async updateSettings(call: TenantCall, settings: SettingsChange, expected?: Expected): Promise<Tenant> {
      const stored = await sealed(call, settings);
      return change(call, (tenant) => {
        if (tenant.status === 'deleted') return notFound(tenant.id);
        if (tenant.type === 'platform') assertHolds(call.actor, ['iam.tenants:write']);
        assertVersion(expected, versionOfSettings(tenant));
        const ownSettings = changeSettings(tenant.ownSettings, stored);
        return { action: 'tenant.settings_updated', values: { ownSettings } };
      });
    },
  };
}

export type TenantService = ReturnType<typeof createTenantService>;

const STATUS_ACTIONS = { active: 'tenant.reactivated', suspended: 'tenant.suspended' } as const;

/** @throws Failure `invalid_input`, `conflict` */
function decided(tenant: Tenant, { slug, name, type, country, status, config }: TenantChange): Decision {
  if (type !== undefined) assertTypeChange(tenant.type, type);
  if (status === 'suspended') assertSuspendable(tenant);
  if (slug !== undefined && slug !== tenant.slug) assertNotPlatform(tenant, 'keeps its slug');
  return {
    action: status === undefined || status === tenant.status ? 'tenant.updated' : STATUS_ACTIONS[status],
    values: {
      ...(slug !== undefined && { slug: checkedSlug(slug) }),
      ...(name !== undefined && { name: checkedName(name) }),
      ...(type !== undefined && { type }),
      ...(country !== undefined && { country: checkedCountry(country) }),
      ...(status !== undefined && { status }),
      ...(config !== undefined && { config: checkedConfig(config) }),
    },
  };
}

function taken(slug: string): never {
  throw new Failure('slug_taken', { slug });
}
