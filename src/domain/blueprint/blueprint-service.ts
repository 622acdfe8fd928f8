import { batchesOf } from '../../kernel/batches.ts';
import { inOperatorTransaction, type OperatorCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { reconcileApis, reconcilePermissions, reconcileRoles } from './access.ts';
import type { Blueprint, Difference, TenantBlueprint } from './blueprint.ts';
import * as store from './blueprint-store.ts';
import { reconcileClients } from './clients.ts';
import { type ExportOptions, exportTenants } from './export.ts';
import { reconcileMembers } from './members.ts';
import { reconcileNodes } from './nodes.ts';
import { reconcileDomains, reconcileTenants } from './tenants.ts';
import { reconcileUsers } from './users.ts';
import { reconcileWebhooks } from './webhooks.ts';
import { type BlueprintRooms, declaredOnce, type Work } from './work.ts';

/**
 * Tenants as code. A file says what there is to be; applying it makes it so, in one transaction, and applying it again
 * writes nothing. What the file does not name is left alone.
 */
export function createBlueprintService(rooms: BlueprintRooms) {
  /** @throws Failure `blueprint_invalid` with every mistake */
  async function reconcile(tx: OperatorCall, blueprint: Blueprint, mayWrite: boolean): Promise<Difference[]> {
    const work: Work = { tx, rooms, mayWrite, differences: [], mistakes: [] };
    const declared = declaredOnce(work, 'tenants', blueprint.tenants, ({ slug }) => slug);
    for (const batch of batchesOf(declared, LIMITS.applyTenants)) {
      const sites = await reconcileTenants(
        work,
        batch.map(({ item, path }) => ({ declared: item, path })),
      );
      await reconcileDomains(work, sites);
      await reconcileApis(work, sites);
      await reconcilePermissions(work, sites);
      const roles = await reconcileRoles(work, sites);
      await reconcileUsers(work, sites, roles);
      await reconcileMembers(work, sites, await reconcileNodes(work, sites), roles);
      await reconcileClients(work, sites, roles);
      // Last: what is made by this file is told to nobody before it is all there.
      await reconcileWebhooks(work, sites);
    }
    if (work.mistakes.length > 0) throw new Failure('blueprint_invalid', { mistakes: work.mistakes });
    return work.differences;
  }

  /** Grants and secrets are given away here without asking who holds what, so only the service itself may. */
  function assertSystem({ actor }: OperatorCall): void {
    if (actor.kind !== 'system') throw new Failure('forbidden');
  }

  return {
    /**
     * Makes the database as the file says: all of it, or nothing. One file at a time, on all nodes together.
     *
     * @returns what was made and changed
     * @throws Failure `blueprint_invalid` with `mistakes`; `forbidden` for anyone but the service itself
     */
    async apply(call: OperatorCall, blueprint: Blueprint): Promise<Difference[]> {
      assertSystem(call);
      return inOperatorTransaction(call, async (tx) => {
        await store.waitForTurn(tx);
        return (await reconcile(tx, blueprint, true)).filter(({ action }) => action !== 'kept');
      });
    },

    /** What `apply` would do, by the same comparison, without a write; and what it would leave alone. @throws Failure as `apply` does */
    async plan(call: OperatorCall, blueprint: Blueprint): Promise<Difference[]> {
      assertSystem(call);
      return inOperatorTransaction(call, (tx) => reconcile(tx, blueprint, false));
    },

    /**
     * The inverse of `apply`: the tenants as a file that would make them, in an order that does not change. Client
     * secrets and clients that registered themselves are not in it.
     *
     * @param slugs all tenants unless told
     * @throws Failure `tenant_not_found` for a slug that nobody has
     */
    async exportAll(
      call: OperatorCall,
      { slugs, passwords = true }: { slugs?: readonly string[] | undefined } & Partial<ExportOptions> = {},
    ): Promise<Blueprint> {
      assertSystem(call);
      return inOperatorTransaction(call, async (tx) => {
        const all = [...new Set(slugs ?? (await slugsOf(tx)))].sort();
        const tenants: TenantBlueprint[] = [];
        for (const batch of batchesOf(all, LIMITS.applyTenants))
          tenants.push(...(await exportTenants(tx, rooms, batch, { passwords })));
        if (slugs && tenants.length < all.length) {
          throw new Failure('tenant_not_found', {
            slugs: all.filter((slug) => !tenants.some((tenant) => tenant.slug === slug)),
          });
        }
        return { tenants };
      });
    },
  };

  async function slugsOf(tx: OperatorCall): Promise<string[]> {
    const all: string[] = [];
    for (;;) {
      const more = await rooms.tenants.slugsAfter(tx, all.at(-1) ?? '', LIMITS.batchRows);
      all.push(...more);
      if (more.length < LIMITS.batchRows) return all;
    }
  }
}

export type BlueprintService = ReturnType<typeof createBlueprintService>;
