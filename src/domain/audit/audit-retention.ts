import { partsOf } from '../../kernel/batches.ts';
import { inOperatorTransaction, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { DEFAULT_SETTINGS } from '../tenants/settings.ts';
import * as chain from './audit-chain-store.ts';
import type { AuditNote } from './audit-note.ts';
import { signCheckpoint, signingKeyOf } from './audit-proof.ts';
import { instant } from './audit-record.ts';

const DAY_MS = 86_400_000;
const MONTHS_AHEAD = 3;

/** The first moment of a month (UTC), so many months later. */
const monthOf = (at: Date, later = 0) => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + later));

type Deps = {
  keys: Pick<TenantKeyService, 'keyFor'>;
  record(tx: TenantCall, action: string, note: AuditNote): Promise<void>;
};

/** How the trail's tables are made and dropped. Records go by whole months, so that a month can go as a whole. */
export function createRetention({ keys, record }: Deps) {
  /** Moves the base of a tenant's chain behind what is older than the month; false where there is nothing of that age. */
  async function moveBase(call: TenantCall, month: Date): Promise<boolean> {
    return inTransaction(call, async (tx) => {
      await chain.holdChain(tx);
      const { head, base } = await chain.findCheckpoints(tx);
      const last = head && (await chain.lastBefore(tx, month, head));
      if (!last || last.seq <= (base?.seq ?? 0)) return false;
      const key = signingKeyOf(await keys.keyFor(tx, 'audit-checkpoint'));
      const point = { kind: 'base', seq: last.seq, id: last.id, hash: last.hash, at: instant(tx.now) } as const;
      await chain.putCheckpoint(tx, signCheckpoint(key, tx.tenantId, point));
      await record(tx, 'audit.pruned', {
        target: 'audit',
        details: { through: last.seq, before: month.toISOString() },
      });
      return true;
    });
  }

  async function removeBehindBase(call: TenantCall): Promise<void> {
    const removeSome = () =>
      inTransaction(call, async (tx) => {
        const { base } = await chain.findCheckpoints(tx);
        return base ? chain.removeUpTo(tx, base.seq, LIMITS.auditLinkRows) : 0;
      });
    while ((await removeSome()) > 0);
  }

  return {
    /** Makes the tables of this month and the next ones. What is there already stays. */
    async makeMonths(call: OperatorCall): Promise<void> {
      for (let later = 0; later <= MONTHS_AHEAD; later++)
        await inOperatorTransaction(call, (tx) => chain.makeMonth(tx, monthOf(tx.now, later)));
    },

    /**
     * Drops what every tenant has kept for its time (`audit.retentionDays`), by whole months. What is left still verifies:
     * its chain begins at a signed point. May be stopped anywhere, and run twice at once. What fails at one tenant keeps
     * no other from it, and is thrown at the end.
     */
    async prune(call: OperatorCall, signal?: AbortSignal): Promise<void> {
      const moved: TenantId[] = [];
      const broken: unknown[] = [];
      const note = (error: unknown) => void broken.push(error);
      const read = (last: chain.Retention | undefined) =>
        inOperatorTransaction(call, (tx) => chain.retentionsAfter(tx, last?.tenantId, LIMITS.batchRows));
      for await (const tenants of partsOf(LIMITS.batchRows, read)) {
        for (const { tenantId, days } of tenants) {
          if (signal?.aborted) return;
          const kept = days ?? DEFAULT_SETTINGS.audit.retentionDays;
          const month = monthOf(new Date(call.now.getTime() - kept * DAY_MS));
          if (await moveBase({ ...call, tenantId }, month).catch(note)) moved.push(tenantId);
        }
      }
      await inOperatorTransaction(call, (tx) => chain.dropMonths(tx, monthOf(tx.now))).catch(note);
      // Where some tenants keep a month that others do not, theirs is deleted row by row.
      for (const tenantId of moved) if (!signal?.aborted) await removeBehindBase({ ...call, tenantId }).catch(note);
      if (broken.length > 0) throw broken[0];
    },
  };
}
