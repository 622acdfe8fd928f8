import { partsOf } from '../../kernel/batches.ts';
import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AuditChain, Verdict } from './audit-chain.ts';
import type { Point } from './audit-proof.ts';
import { type AuditRecord, presentRecord } from './audit-record.ts';
import * as store from './audit-store.ts';

/** Whole trails are long: of those who read one from end to end, a node serves a few at a time. */
function createSeats(most: number) {
  let taken = 0;
  const assertFree = () => {
    if (taken >= most) throw new Failure('busy');
  };
  return {
    /** @throws Failure `busy` */
    assertFree,
    take(): () => void {
      assertFree();
      taken += 1;
      return () => {
        taken -= 1;
      };
    },
  };
}

/** How the trail is read. */
export function createAuditReading({ link, verify }: Pick<AuditChain, 'link' | 'verify'>) {
  const walks = createSeats(LIMITS.auditWalks);
  const exports = createSeats(LIMITS.auditExports);
  /** Looks that are under way, for all who ask meanwhile. */
  const looks = new Map<TenantId, Promise<Verdict>>();

  async function look(call: TenantCall, known?: Point): Promise<Verdict> {
    const leave = walks.take();
    try {
      await link(call, { wait: true });
      return await verify(call, known);
    } finally {
      leave();
    }
  }

  async function* rowsOf(call: TenantCall, filter: store.RecordFilter): AsyncGenerator<AuditRecord> {
    const leave = exports.take();
    try {
      const limit = LIMITS.auditExportRows;
      const read = (after: store.Listed | undefined) =>
        inTransaction(call, (tx) => store.list(tx, filter, { after, oldestFirst: true, limit }));
      for await (const found of partsOf(limit, read)) yield* found.map(presentRecord);
    } finally {
      leave();
    }
  }

  return {
    /**
     * Records of the trail behind a place, the newest first, with those that were written a moment ago.
     *
     * @param limit a page, and one more to see whether there is one
     */
    async list(
      call: TenantCall,
      filter: store.RecordFilter,
      { after, limit }: { after?: store.Place | undefined; limit: number },
    ): Promise<AuditRecord[]> {
      await link(call);
      const found = await inTransaction(call, (tx) => store.list(tx, filter, { after, oldestFirst: false, limit }));
      return found.map(presentRecord);
    },

    /**
     * All records of a filter, the oldest first, read in parts while they are taken. What is written meanwhile is not
     * among them.
     *
     * @throws Failure `busy` while others read as much
     */
    async export(call: TenantCall, filter: store.RecordFilter): Promise<AsyncGenerator<AuditRecord>> {
      exports.assertFree();
      await link(call);
      const now = new Date(call.now.getTime() + 1);
      return rowsOf(call, { ...filter, to: filter.to && filter.to < now ? filter.to : now });
    },

    /**
     * Chains what is pending, and looks at the whole trail (see `Verdict`). Who asks while somebody looks at the same trail
     * gets their answer.
     *
     * @param known an end of the chain that somebody has kept: it must have gone through it
     * @throws Failure `busy` while others look at theirs
     */
    verify(call: TenantCall, known?: Point): Promise<Verdict> {
      const running = known ? undefined : looks.get(call.tenantId);
      if (running) return running;
      const begun = look(call, known);
      if (known) return begun;
      looks.set(call.tenantId, begun);
      const done = () => void looks.delete(call.tenantId);
      begun.then(done, done);
      return begun;
    },
  };
}
