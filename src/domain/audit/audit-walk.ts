import type { KeyObject } from 'node:crypto';
import { equalSecrets } from '../../kernel/secret.ts';
import { type Checkpoint, digestOf, holds, isSigned, linkHash, macOf, type Point, startOf } from './audit-proof.ts';
import type { ChainedRecord, StoredRecord } from './audit-record.ts';

/**
 * What is wrong at a record.
 *
 * - `altered`: something of it is not what was written
 * - `missing`: somebody has removed it; the next record names it, or the head
 * - `misplaced`: it stands where it does not belong
 * - `forged`: no node has written it
 * - `checkpoint`: the signed point at which the chain begins or ends is not signed with the tenant's key, or is another one
 */
export type Problem = 'altered' | 'missing' | 'misplaced' | 'forged' | 'checkpoint';

/** Something that is wrong, at which record, and at which place of the chain where that is known. */
export type Breach = { problem: Problem; id: string; seq: number | null };

export type WalkKeys = {
  /** Signs the checkpoints; the public half will do. */
  signing: KeyObject;
  /** Makes the MAC of each record. Without it, nobody can tell whether what is called erased was. */
  mac?: Buffer | undefined;
};

/** The record with which every trail begins: among its first, since the clocks of nodes differ a little. */
const BEGINNING = { action: 'tenant.created', within: 100 };

/** What a node writes that does not find what it has written (`audit.settle`). */
const MISSING = 'audit.record_missing';

/** Goes along a chain from its base, record by record in the order of their places, and notes what is wrong. */
export function createWalk(tenantId: string, keys: WalkKeys, base: Checkpoint | undefined) {
  const breaches: Breach[] = [];
  let end: Point = base ?? startOf(tenantId);
  let entries = 0;
  let hasBegun = base !== undefined;

  function note(problem: Problem, id: string, seq: number | null): void {
    if (breaches.at(-1)?.id !== id) breaches.push({ problem, id, seq });
  }

  const isCheckpoint = (kind: Checkpoint['kind'], point: Checkpoint) =>
    point.kind === kind && isSigned(keys.signing, tenantId, point);

  function isWhole(record: StoredRecord): boolean {
    const { digest, mac } = record;
    if (record.tenantId !== tenantId || !digest || !digestOf(record).equals(digest)) return false;
    if (!holds(record.origin) || !holds(record.state)) return false;
    return keys.mac === undefined || (mac !== null && equalSecrets(mac, macOf(keys.mac, digest, record)));
  }

  /** What a record says of the trail itself. */
  function look({ action, resourceId }: StoredRecord): void {
    hasBegun ||= action === BEGINNING.action;
    if (action === MISSING && resourceId !== null) note('missing', resourceId, null);
  }

  const isAt = (point: Point) => point.seq === end.seq && point.id === end.id && point.hash.equals(end.hash);

  if (base && !isCheckpoint('base', base)) note('checkpoint', base.id, base.seq);

  return {
    /** How many records were looked at. */
    entries: (): number => entries,
    /** Where the walk is. */
    end: (): Point => end,
    breaches: breaches as readonly Breach[],

    /** The next record of the chain. */
    step(record: ChainedRecord): void {
      const { id, seq, previous, hash } = record;
      entries += 1;
      if (seq <= end.seq) {
        note('misplaced', id, seq);
        return;
      }
      const isNext = seq === end.seq + 1;
      // Of several that are gone, the last one is named. Behind them the chain is taken up as it stands.
      if (!isNext) note('missing', previous, end.seq + 1);
      look(record);
      if (!hasBegun && seq === BEGINNING.within) note('missing', id, 1);
      const isLinked = !isNext || (previous === end.id && linkHash(end, digestOf(record)).equals(hash));
      if (!isWhole(record) || !isLinked) note('altered', id, seq);
      end = { seq, id, hash };
    },

    /** A record that is not chained yet. */
    stepPending(record: StoredRecord, mayLackProof: boolean): void {
      entries += 1;
      look(record);
      if (record.mac === null) {
        if (!mayLackProof) note('forged', record.id, null);
      } else if (!isWhole(record)) note('altered', record.id, null);
    },

    /** The trail ends here, and the signed head must say the same. */
    finish(head: Checkpoint | undefined): void {
      if (head ? !isCheckpoint('head', head) : end.seq > 0)
        note('checkpoint', head?.id ?? end.id, head?.seq ?? end.seq);
      else if (head && end.seq < head.seq) note('missing', head.id, end.seq + 1);
      else if (head && !isAt(head) && breaches.length === 0) note('checkpoint', head.id, head.seq);
      if (!hasBegun) note('missing', end.id, 1);
    },

    /** A point that somebody has kept: the chain must have gone through it, or have begun behind it. */
    expect(known: Point, found: Point | undefined): void {
      const isThere = found?.id === known.id && found.hash.equals(known.hash);
      if (!isThere && known.seq > (base?.seq ?? 0)) note('missing', known.id, known.seq);
    },
  };
}

export type Walk = ReturnType<typeof createWalk>;
