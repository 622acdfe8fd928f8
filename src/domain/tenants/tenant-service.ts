import { inOperatorTransaction, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { likePattern, type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import { stableJson } from '../../kernel/text.ts';
import type { AccessService } from '../access/access-service.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';

import { hasSecrets, sealSecrets } from './secret-settings.ts';

import { changeSettings, type SettingsChange } from './settings.ts';
import {
  assertSuspendable,
  assertTypeChange,
  auditedTenant,
  checkedCountry,
  checkedDomain,
  checkedName,
  checkedTenant,
  type NewTenant,
  type Tenant,
  type TenantChange,
  type TenantDomain,
  type TenantDraft,
} from './tenant.ts';
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
  /** Tenants with their data keys and system roles; those whose slug was taken are left out. */
  async function insertAll(tx: OperatorCall, drafts: readonly NewTenant[]): Promise<Tenant[]> {
    const tenants = await store.insert(
      tx,
      drafts.map((draft) => ({ ...draft, id: newId<TenantId>() })),
    );
    for (const { id } of tenants) await tenantKeys.create({ ...tx, tenantId: id });
    await access.createSystemRoles(tx, tenants);
    await audit.recordAll(
      tx,
      tenants.map((tenant) => ({
        tenantId: tenant.id,
        action: 'tenant.created',
        target: `tenant:${tenant.slug}`,
        after: auditedTenant(tenant),
      })),
    );
    return tenants;
  }

  /** Locks the call's tenant, lets `decide` say what becomes of it, and writes that; nothing when nothing changes. */
  async function change(
    call: TenantCall,
    action: string,
    decide: (tenant: Tenant) => Parameters<typeof store.update>[1],
  ): Promise<Tenant> {
    return inTransaction(call, async (tx) => {
      const tenant = (await store.lock(tx)) ?? notFound(call.tenantId);
      const values = Object.entries(decide(tenant)).filter(
        ([key, value]) => value !== undefined && stableJson(value) !== stableJson(tenant[key as keyof Tenant]),
      );
      if (values.length === 0) return tenant;
      const changed = await store.update(tx, Object.fromEntries(values));
      const note = changeOf(auditedTenant(tenant), auditedTenant(changed));
      await audit.record(tx, action, { target: `tenant:${tenant.slug}`, ...note });
      return changed;
    });
  }

  const sealed = async (call: TenantCall, settings: SettingsChange): Promise<SettingsChange> =>
    hasSecrets(settings) ? sealSecrets(settings, await tenantKeys.keyFor(call, 'seal'), call.tenantId) : settings;

  return {
    /**
     * Makes a tenant with its data key and its system roles.
     *
     * @throws Failure `invalid_input`, `slug_taken` (for ever: a slug outlives its tenant)
     */
    async create(call: OperatorCall, draft: TenantDraft): Promise<Tenant> {
      const checked = checkedTenant(draft);
      assertTypeChange('customer', checked.type);
      return inOperatorTransaction(call, async (tx) => {
        const [tenant] = await insertAll(tx, [checked]);
        if (!tenant) throw new Failure('slug_taken', { slug: checked.slug });
        return tenant;
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

    /** @throws Failure `tenant_not_found` */
    async get(call: OperatorCall, id: TenantId): Promise<Tenant> {
      return (await inOperatorTransaction(call, (tx) => store.find(tx, id))) ?? notFound(id);
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

    /** A page of tenants by slug. @throws Failure `invalid_input` */
    async list(
      call: OperatorCall,
      { search, type, status, ...query }: PageQuery & store.TenantFilter = {},
    ): Promise<Page<Tenant>> {
      const window = pageWindow(query);
      const filter = { type, status, search: search === undefined ? undefined : likePattern(search) };
      const { items, total } = await inOperatorTransaction(call, (tx) => store.list(tx, filter, window));
      return { items, total, page: window.page, pageSize: window.limit };
    },

    /**
     * Changes name, type or country of the call's tenant; what is left out stays.
     *
     * @throws Failure `tenant_not_found`, `invalid_input`
     */
    update: (call: TenantCall, { name, type, country }: TenantChange): Promise<Tenant> =>
      change(call, 'tenant.updated', (tenant) => {
        if (type !== undefined) assertTypeChange(tenant.type, type);
        return {
          ...(name !== undefined && { name: checkedName(name) }),
          ...(type !== undefined && { type }),
          ...(country !== undefined && { country: checkedCountry(country) }),
        };
      }),

    /**
     * Puts a change over the tenant's settings; null takes one back to the default. Secrets come in plain, and are
     * sealed here.
     *
     * @throws Failure `tenant_not_found`, `invalid_input`
     */
    async updateSettings(call: TenantCall, settings: SettingsChange): Promise<Tenant> {
      const stored = await sealed(call, settings);
      return change(call, 'tenant.settings_updated', ({ ownSettings }) => ({
        ownSettings: changeSettings(ownSettings, stored),
      }));
    },

    /**
     * Shuts a tenant: its issuer and every token of it stop at once on all nodes. Its sessions end, in the background, and
     * their relying parties are told; all else stays, offline access too. Suspending twice is one suspension.
     *
     * @throws Failure `tenant_not_found`, `conflict` for the platform tenant
     */
    suspend: (call: TenantCall): Promise<Tenant> =>
      change(call, 'tenant.suspended', (tenant) => {
        assertSuspendable(tenant);
        return tenant.status === 'active' ? { status: 'suspended' } : {};
      }),

    /** Opens a suspended tenant again. @throws Failure `tenant_not_found` */
    reactivate: (call: TenantCall): Promise<Tenant> =>
      change(call, 'tenant.reactivated', (tenant) => (tenant.status === 'suspended' ? { status: 'active' } : {})),

    listDomains: (call: TenantCall): Promise<TenantDomain[]> => inTransaction(call, (tx) => store.listDomains(tx)),

    /** The domains of several tenants, in the caller's transaction. */
    domainsOf: (tx: OperatorCall, tenantIds: readonly TenantId[]) => store.domainsOf(tx, tenantIds),

    /**
     * Claims a domain, which proves nothing yet. Claiming twice is one claim.
     *
     * @throws Failure `invalid_input`; `conflict` when the tenant claims too many
     */
    async addDomain(call: TenantCall, raw: string): Promise<TenantDomain> {
      const domain = checkedDomain(raw);
      return inTransaction(call, async (tx) => {
        const { slug } = (await store.lock(tx)) ?? notFound(call.tenantId);
        const claimed = await store.listDomains(tx);
        const known = claimed.find((one) => one.domain === domain);
        if (known) return known;
        if (claimed.length >= LIMITS.tenantDomains)
          throw new Failure('conflict', { problem: 'the tenant has too many domains' });
        await store.insertDomains(tx, [{ tenantId: tx.tenantId, domain, verified: false }]);
        await audit.record(tx, 'tenant.domain_added', { target: `tenant:${slug}`, details: { domain } });
        return { domain, verifiedAt: null };
      });
    },

    /**
     * Notes that the tenant has proven a domain: its issuer moves there. Verifying twice is one proof.
     *
     * @throws Failure `domain_not_found`; `domain_taken` when another tenant has proven it
     */
    async verifyDomain(call: TenantCall, raw: string): Promise<TenantDomain> {
      const domain = checkedDomain(raw);
      return orTaken(domain, () =>
        inTransaction(call, async (tx) => {
          const { slug } = (await store.lock(tx)) ?? notFound(call.tenantId);
          const known = (await store.listDomains(tx)).find((one) => one.domain === domain);
          if (known?.verifiedAt) return known;
          if (!(await store.verifyDomain(tx, domain))) throw new Failure('domain_not_found', { domain });
          await audit.record(tx, 'tenant.domain_verified', { target: `tenant:${slug}`, details: { domain } });
          return { domain, verifiedAt: tx.now };
        }),
      );
    },

    /** Gives up a domain; its issuer goes back to the tenant's path. @throws Failure `domain_not_found` */
    async removeDomain(call: TenantCall, raw: string): Promise<void> {
      const domain = checkedDomain(raw);
      await inTransaction(call, async (tx) => {
        if (!(await store.removeDomain(tx, domain))) throw new Failure('domain_not_found', { domain });
        await audit.record(tx, 'tenant.domain_removed', { details: { domain } });
      });
    },

    /** Claims of several tenants in one statement, in the caller's transaction. @throws Failure `domain_taken` */
    async addDomains(
      tx: OperatorCall,
      domains: readonly { tenantId: TenantId; domain: string; verified: boolean }[],
    ): Promise<void> {
      await orTaken(domains.map(({ domain }) => domain).join(', '), () => store.insertDomains(tx, domains));
      await audit.recordAll(
        tx,
        domains.map(({ tenantId, domain, verified }) => ({
          tenantId,
          action: 'tenant.domain_added',
          details: { domain, verified },
        })),
      );
    },
  };
}

export type TenantService = ReturnType<typeof createTenantService>;

function notFound(tenantId: TenantId): never {
  throw new Failure('tenant_not_found', { tenantId });
}

function taken(slug: string): never {
  throw new Failure('slug_taken', { slug });
}

async function orTaken<T>(domain: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { constraint?: string }).constraint === 'tenant_domains_verified')
      throw new Failure('domain_taken', { domain });
    throw error;
  }
}
