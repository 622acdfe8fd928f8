import { inOperatorTransaction, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { stableJson } from '../../kernel/text.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { auditedTenant, type Tenant } from './tenant.ts';
import * as store from './tenant-store.ts';

/** What a change is called in the audit trail, and the new values. */
export type Decision = { action: string; values: store.TenantValues };

/** What becomes of a tenant as a whole: the operators read of it in their own trail too, which outlives the tenant's. */
const LIFE = new Set(['tenant.suspended', 'tenant.reactivated', 'tenant.deleted', 'tenant.restored']);

/** How a tenant's row is changed, whatever the change. Part of the tenant service. */
export function createTenantChange({ audit }: { audit: AuditService }) {
  /** A line in the trail of the platform, about tenants that are not itself; before there is one, nobody reads it. */
  async function tellOperators(
    tx: OperatorCall,
    action: string,
    tenants: readonly Pick<Tenant, 'id' | 'slug'>[],
  ): Promise<void> {
    await inOperatorTransaction(tx, async (all) => {
      const platform = await store.findPlatform(all);
      if (!platform) return;
      const others = tenants.filter(({ id }) => id !== platform.id);
      const about = ({ id, slug }: Pick<Tenant, 'id' | 'slug'>) => ({
        target: `tenant:${slug}`,
        details: { tenantId: id },
      });
      await audit.recordAll(
        all,
        others.map((tenant) => ({ tenantId: platform.id, action, ...about(tenant) })),
      );
    });
  }

  return {
    tellOperators,

    /**
     * Locks the call's tenant, lets `decide` say what becomes of it, and writes that; nothing when nothing changes.
     *
     * @throws Failure `tenant_not_found`; `slug_taken`; what `decide` throws
     */
    change: (call: TenantCall, decide: (tenant: Tenant) => Decision | undefined): Promise<Tenant> =>
      orTaken(() =>
        inTransaction(call, async (tx) => {
          const tenant = (await store.lock(tx)) ?? notFound(call.tenantId);
          const { action, values } = decide(tenant) ?? { action: '', values: {} };
          const fields = Object.entries(values).filter(
            ([key, value]) => value !== undefined && stableJson(value) !== stableJson(tenant[key as keyof Tenant]),
          );
          if (fields.length === 0) return tenant;
          const changed = await store.update(tx, Object.fromEntries(fields));
          const note = changeOf(auditedTenant(tenant), auditedTenant(changed));
          await audit.record(tx, action, { target: `tenant:${changed.slug}`, ...note });
          if (LIFE.has(action)) await tellOperators(tx, action, [changed]);
          return changed;
        }),
      ),
  };
}

export type TenantChanges = ReturnType<typeof createTenantChange>;

export function notFound(tenantId: TenantId): never {
  throw new Failure('tenant_not_found', { tenantId });
}

async function orTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw (error as { constraint?: string }).constraint === 'tenants_slug' ? new Failure('slug_taken') : error;
  }
}
