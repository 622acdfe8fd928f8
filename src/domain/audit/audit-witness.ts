import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';

/** A record that this node wrote, in a transaction that was kept. */
export type Written = { id: string; at: string };

/**
 * What this node has written and has not yet seen in the chain. Between its commit and its place in the chain a record
 * could be deleted by somebody who has the database; the memory of a process is not in the database. Bounded: beyond
 * `LIMITS.auditWitnessed` records the oldest are no longer remembered.
 */
export function createWitness() {
  const noted = new Map<TenantId, Map<string, Written>>();
  let count = 0;
  let isWatching = false;

  function forget(tenantId: TenantId, ids: readonly string[]): void {
    const records = noted.get(tenantId);
    for (const id of ids) if (records?.delete(id)) count -= 1;
    if (records?.size === 0) noted.delete(tenantId);
  }

  return {
    /** Begins to note; a process that does not link what it wrote need not. */
    watch(): void {
      isWatching = true;
    },

    note(tenantId: TenantId, written: readonly Written[]): void {
      if (!isWatching) return;
      const records = noted.get(tenantId) ?? new Map<string, Written>();
      noted.set(tenantId, records);
      for (const { id, at } of written) records.set(id, { id, at });
      count += written.length;
      for (const [other, theirs] of noted) {
        if (count <= LIMITS.auditWitnessed) break;
        forget(other, [...theirs.keys()].slice(0, count - LIMITS.auditWitnessed));
      }
    },

    /** Tenants of which something is noted. */
    tenants: (): TenantId[] => [...noted.keys()],

    notedOf: (tenantId: TenantId): Written[] => [...(noted.get(tenantId)?.values() ?? [])],

    forget,
  };
}

export type Witness = ReturnType<typeof createWitness>;
