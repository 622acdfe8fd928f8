import { LRUCache } from 'lru-cache';
import type { OperatorCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type EventName, meansEvent } from './event.ts';
import * as store from './webhook-store.ts';

/**
 * What each tenant's receivers want to hear, in memory: of what nobody wants to hear, no statement is made. `forget` is
 * called when the database tells of a change, so a new receiver hears of what happens from within a second on every node,
 * and at once on the node that made it.
 */
export function createInterest() {
  const known = new LRUCache<TenantId, readonly string[]>({ max: LIMITS.tenants, ttl: LIMITS.webhookInterestMs });
  const changing = new Map<TenantId, number>();
  let generation = 0;

  /** Reads what is not known, in the caller's transaction. What a change overtook, or may undo, is not kept. */
  async function read(tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<Map<TenantId, readonly string[]>> {
    const before = generation;
    const found = await store.patternsOf(tx, tenantIds);
    for (const id of tenantIds) {
      const patterns = found.get(id) ?? NONE;
      if (before === generation && !changing.has(id)) known.set(id, patterns);
      found.set(id, patterns);
    }
    return found;
  }

  function forget(tenantId?: TenantId): void {
    generation += 1;
    if (tenantId) known.delete(tenantId);
    else known.clear();
  }

  return {
    /** Tells which of the events somebody in the tenant wants to hear of. */
    async of(
      tx: OperatorCall,
      tenantIds: readonly TenantId[],
    ): Promise<(tenantId: TenantId, name: EventName) => boolean> {
      const patterns = new Map(tenantIds.map((id) => [id, known.get(id)]));
      const unknown = tenantIds.filter((id) => patterns.get(id) === undefined);
      if (unknown.length > 0) for (const [id, read_] of await read(tx, unknown)) patterns.set(id, read_);
      return (id, name) => patterns.get(id)!.some((pattern) => meansEvent(pattern, name));
    },

    /** The same without asking anybody: true also where this node does not know. */
    mayBe: (tenantId: TenantId, name: EventName): boolean =>
      known.get(tenantId)?.some((pattern) => meansEvent(pattern, name)) ?? true,

    forget,

    /** Does what changes a tenant's receivers. What is read meanwhile is not kept: it may not come to be. */
    async during<T>(tenantId: TenantId, work: () => Promise<T>): Promise<T> {
      changing.set(tenantId, (changing.get(tenantId) ?? 0) + 1);
      try {
        return await work();
      } finally {
        const left = changing.get(tenantId)! - 1;
        if (left === 0) changing.delete(tenantId);
        else changing.set(tenantId, left);
        forget(tenantId);
      }
    },
  };
}

/** Most tenants have no receivers; they share one empty list. */
const NONE: readonly string[] = [];

export type Interest = ReturnType<typeof createInterest>;
