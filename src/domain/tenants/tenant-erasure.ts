import { inOperatorTransaction, type OperatorCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { TenantChanges } from './tenant-change.ts';
import * as store from './tenant-erasure-store.ts';
import { restorableSince } from './tenant-lives.ts';

const DAY_MS = 86_400_000;

/** What rows that go leave behind: a logout that is owed, a line that says so. They go when nothing else is left. */
const LEFT_BEHIND = /^(outbox|audit)_?/;

/**
 * Erases tenants whose time to be restored is over: every row of every table, a batch at a time, so that neither the
 * database nor another tenant waits. The platform's audit trail keeps that there was one, and that it is gone.
 */
export function createTenantErasure({ tellOperators }: Pick<TenantChanges, 'tellOperators'>) {
  /** A day later than anybody could restore them: clocks of nodes differ. */
  const before = (call: OperatorCall): Date => new Date(restorableSince(call).getTime() - DAY_MS);

  async function erase(call: OperatorCall, tenantId: TenantId, signal?: AbortSignal): Promise<boolean> {
    const tables = inOrder(await inOperatorTransaction(call, (tx) => store.tenantTables(tx)));
    for (const table of tables) {
      for (let gone = 1; gone > 0; ) {
        if (signal?.aborted) return false;
        gone = await inOperatorTransaction(call, (tx) =>
          store.deleteSome({ ...tx, tenantId }, table, LIMITS.expiryBatchRows),
        );
      }
    }
    return inOperatorTransaction(call, async (tx) => {
      const own = { ...tx, tenantId };
      const tenant = await store.lockDeleted(own, before(call));
      if (!tenant) return false;
      await store.deleteTenant(own);
      // What came after its table was looked at; no row of a tenant that is not there can come any more.
      for (const table of tables) while ((await store.deleteSome(own, table, LIMITS.expiryBatchRows)) > 0);
      await tellOperators(tx, 'tenant.erased', [{ id: tenantId, slug: tenant.slug }]);
      return true;
    });
  }

  return {
    /**
     * Erases what is due. A second call at the same time, or after a crash, goes on where the first is.
     *
     * @returns how many tenants are gone
     */
    async eraseDue(call: OperatorCall, signal?: AbortSignal): Promise<number> {
      let erased = 0;
      const due = await inOperatorTransaction(call, (tx) => store.deletedBefore(tx, before(call), LIMITS.pageSize));
      for (const tenantId of due) if (await erase(call, tenantId, signal)) erased += 1;
      return erased;
    },
  };
}

/** Tables that name others before those: so each batch takes its own rows, and no row of another with it. */
function inOrder(tables: readonly store.TenantTable[]): store.TenantTable[] {
  const ordered = new Set<store.TenantTable>();
  const visit = (table: store.TenantTable) => {
    if (ordered.has(table)) return;
    for (const other of tables)
      if (other !== table && other.names.some((named) => named.table === table.name)) visit(other);
    ordered.add(table);
  };
  for (const table of tables) if (!LEFT_BEHIND.test(table.name)) visit(table);
  for (const table of tables) visit(table);
  return [...ordered];
}
