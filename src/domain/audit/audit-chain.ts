import type { KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { partsOf } from '../../kernel/batches.ts';
import {
  inOperatorTransaction,
  inSnapshot,
  inTransaction,
  type OperatorCall,
  type TenantCall,
} from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import * as chain from './audit-chain-store.ts';
import {
  type Checkpoint,
  commit,
  type Point,
  publicJwkOf,
  signCheckpoint,
  signingKeyOf,
  startOf,
} from './audit-proof.ts';
import { type ChainedRecord, instant, type StoredRecord, withProof } from './audit-record.ts';
import * as store from './audit-store.ts';
import { type Breach, createWalk, type Walk } from './audit-walk.ts';

/** What a look at a whole trail has found. */
export type Verdict = {
  intact: boolean;
  /** Records that were looked at. */
  entries: number;
  /** The first that is broken, in the order of the chain, and how many are. */
  firstBroken: Breach | undefined;
  broken: number;
  /** The signed end of the chain, and the key that proves it. Whoever keeps both sees later whether it was put back. */
  head: Checkpoint | undefined;
  publicKey: ReturnType<typeof publicJwkOf>;
};

/** Lines that triggers write. Whoever can write one by hand can also do what it tells of. */
const BY_DATABASE = ['session.ended'];

/** The chain of each tenant's records: how it grows, and how it is looked at. */
export function createAuditChain({ keys }: { keys: Pick<TenantKeyService, 'keyFor'> }) {
  /** The furthest end that this node has seen: a chain that ends before it was put back. */
  const seen = new LRUCache<TenantId, Point>({ max: LIMITS.tenants });

  const signingKey = async (call: TenantCall): Promise<KeyObject> =>
    signingKeyOf(await keys.keyFor(call, 'audit-checkpoint'));

  /** Gives the lines that the database has written what every other record has. */
  async function proveLines(tx: TenantCall): Promise<void> {
    const lines = await store.lockUnproven(tx, BY_DATABASE, LIMITS.auditLinkRows);
    if (lines.length === 0) return;
    const key = await keys.keyFor(tx, 'audit');
    for (const line of lines) {
      const origin = commit(line.origin.text ?? undefined);
      const state = commit(line.state.text ?? undefined);
      await store.prove(tx, withProof({ ...line, origin, state }, key));
    }
  }

  /** Takes up to `LIMITS.auditLinkRows` pending records into the chain. @returns which ones */
  async function linkSome(call: TenantCall, wait: boolean): Promise<string[]> {
    const key = await signingKey(call);
    const sign = (point: Point) =>
      signCheckpoint(key, call.tenantId, { ...point, kind: 'head', at: instant(call.now) });
    const linked = await inTransaction(call, async (tx) => {
      const before = await chain.lockHead(tx, () => sign(startOf(tx.tenantId)), wait);
      if (!before) return undefined;
      await proveLines(tx);
      const { moved, ...end } = await chain.extend(tx, before, LIMITS.auditLinkRows);
      if (moved.length > 0) await chain.putCheckpoint(tx, sign(end));
      return { moved, end };
    });
    if (!linked) return [];
    if (linked.end.seq > (seen.get(call.tenantId)?.seq ?? 0)) seen.set(call.tenantId, linked.end);
    return linked.moved;
  }

  async function walkChain(tx: TenantCall, walk: Walk, known: readonly Point[]): Promise<void> {
    const passed = new Map<number, Point>();
    const start = { seq: walk.end().seq, id: store.LAST_ID };
    const read = (last: ChainedRecord | undefined) => store.listChained(tx, last ?? start, LIMITS.auditWalkRows);
    for await (const records of partsOf(LIMITS.auditWalkRows, read))
      for (const record of records) {
        walk.step(record);
        if (known.some(({ seq }) => seq === record.seq)) passed.set(record.seq, record);
      }
    for (const point of known) walk.expect(point, passed.get(point.seq));
  }

  async function walkPending(tx: TenantCall, walk: Walk): Promise<void> {
    const read = (last: StoredRecord | undefined) =>
      store.listPending(tx, last?.id ?? store.FIRST_ID, LIMITS.auditWalkRows);
    for await (const records of partsOf(LIMITS.auditWalkRows, read))
      for (const record of records) walk.stepPending(record, BY_DATABASE.includes(record.action));
  }

  return {
    proveLines,

    /** The signed points of the chain, and the key that proves them. */
    async points(call: TenantCall) {
      const points = await inTransaction(call, (tx) => chain.findCheckpoints(tx));
      return { ...points, publicKey: publicJwkOf(await signingKey(call)) };
    },

    /** The records of the chain between two points, in order, with all that proves them but their MACs; read in parts. */
    async *records(call: TenantCall, behind: Point | undefined, upTo: Point): AsyncGenerator<ChainedRecord> {
      const start = { seq: behind?.seq ?? 0, id: store.LAST_ID };
      const read = (last: ChainedRecord | undefined) =>
        inTransaction(call, (tx) => store.listChained(tx, last ?? start, LIMITS.auditWalkRows));
      for await (const records of partsOf(LIMITS.auditWalkRows, read))
        for (const record of records) {
          if (record.seq > upTo.seq) return;
          yield { ...record, mac: null };
        }
    },

    /**
     * Takes all that is pending now into the chain, the oldest first, and signs its new end.
     *
     * @param wait for somebody else who does the same (5 s); otherwise it is left to them
     * @returns the ids of the records that were taken
     */
    async link(call: TenantCall, { wait = false } = {}): Promise<string[]> {
      const taken: string[] = [];
      for (;;) {
        const some = await linkSome(call, wait);
        taken.push(...some);
        if (some.length < LIMITS.auditLinkRows) return taken;
      }
    },

    /** Tenants with records that are not chained; at most `limit`. */
    pendingTenants: (call: OperatorCall, limit = LIMITS.auditLinkTenants): Promise<TenantId[]> =>
      inOperatorTransaction(call, (tx) => chain.tenantsPending(tx, limit)),

    /** Where each of these records is: waiting, in the chain, or nowhere (null). */
    whereabouts: (call: TenantCall, records: readonly { id: string; at: string }[]) =>
      inTransaction(call, (tx) => chain.whereabouts(tx, records)),

    /**
     * Looks at every record of the tenant's trail: that none was altered, added or removed, and that the chain begins and
     * ends at a signed point. It reads all of it, a million records in some tens of seconds.
     *
     * @param known an end of the chain that somebody has kept: it must have gone through it
     */
    async verify(call: TenantCall, known?: Point): Promise<Verdict> {
      const signing = await signingKey(call);
      const mac = await keys.keyFor(call, 'audit');
      const kept = [seen.get(call.tenantId), known].filter((point) => point !== undefined);
      const { walk, head } = await inSnapshot(call, async (tx) => {
        const { head, base } = await chain.findCheckpoints(tx);
        const walk = createWalk(tx.tenantId, { signing, mac }, base);
        await walkChain(tx, walk, kept);
        await walkPending(tx, walk);
        walk.finish(head);
        return { walk, head };
      });
      const { breaches } = walk;
      if (head && breaches.length === 0) seen.set(call.tenantId, head);
      return {
        intact: breaches.length === 0,
        entries: walk.entries(),
        firstBroken: breaches[0],
        broken: breaches.length,
        head,
        publicKey: publicJwkOf(signing),
      };
    },
  };
}

export type AuditChain = ReturnType<typeof createAuditChain>;
