import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { assertVersion, type Expected } from '../../kernel/version.ts';
import { assertNotPlatform, assertSuspendable, type Tenant, versionOfTenant } from './tenant.ts';
import { notFound, type TenantChanges } from './tenant-change.ts';

const RESTORABLE_MS = LIMITS.tenantRestoreDays * 86_400_000;

/** Deleted tenants of before then are gone for good. */
export const restorableSince = ({ now }: OperatorCall): Date => new Date(now.getTime() - RESTORABLE_MS);

/** How tenants are shut and opened, and how they end. Part of the tenant service. */
export function createTenantLives({ change }: Pick<TenantChanges, 'change'>) {
  return {
    /**
     * Shuts a tenant: its issuer and every token of it stop at once on all nodes. Its sessions end, in the background, and
     * their relying parties are told; all else stays, offline access too. Suspending twice is one suspension.
     *
     * @throws Failure `tenant_not_found`, `conflict` for the platform tenant
     */
    suspend: (call: TenantCall): Promise<Tenant> =>
      change(call, (tenant) => {
        assertSuspendable(tenant);
        return tenant.status === 'active' ? { action: 'tenant.suspended', values: { status: 'suspended' } } : undefined;
      }),

    /** Opens a suspended tenant again. @throws Failure `tenant_not_found` */
    reactivate: (call: TenantCall): Promise<Tenant> =>
      change(call, (tenant) =>
        tenant.status === 'suspended' ? { action: 'tenant.reactivated', values: { status: 'active' } } : undefined,
      ),

    /**
     * Deletes a tenant: it refuses everything from now on, as if it had never been there, and can be restored for
     * `LIMITS.tenantRestoreDays`. Then all of it is erased. Nobody else ever gets its slug or its id.
     *
     * @param expected the versions of which the tenant must be one
     * @throws Failure `tenant_not_found`, also for one that is deleted already; `conflict` for the platform tenant;
     *   `precondition_failed`
     */
    async remove(call: TenantCall, expected?: Expected): Promise<void> {
      await change(call, (tenant) => {
        if (tenant.status === 'deleted') return notFound(call.tenantId);
        assertVersion(expected, versionOfTenant(tenant));
        assertNotPlatform(tenant, 'cannot be deleted');
        const values = { status: 'deleted', deletedAt: call.now, restoresTo: tenant.status } as const;
        return { action: 'tenant.deleted', values };
      });
    },

    /**
     * Brings a deleted tenant back, as it was: one that was suspended is suspended. Its sessions have ended. Restoring
     * twice is one restoration.
     *
     * @throws Failure `tenant_not_found`, also when its time is over
     */
    restore: (call: TenantCall): Promise<Tenant> =>
      change(call, ({ status, deletedAt, restoresTo }) => {
        if (status !== 'deleted') return undefined;
        if (!deletedAt || deletedAt <= restorableSince(call))
          throw new Failure('tenant_not_found', { reason: 'too late' });
        return {
          action: 'tenant.restored',
          values: { status: restoresTo ?? 'suspended', deletedAt: null, restoresTo: null },
        };
      }),
  };
}
