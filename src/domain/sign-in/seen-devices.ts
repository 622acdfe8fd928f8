import { LRUCache } from 'lru-cache';
import { networkOf } from '../../kernel/address.ts';
import type { TenantCall } from '../../kernel/call.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { sha256 } from '../../kernel/secret.ts';
import { deedOf } from '../mail/letter.ts';
import type { LetterService } from '../mail/letter-service.ts';
import * as store from './seen-device-store.ts';

/** What is known of who signs in: a page's browser has our cookie or not; a program says what it likes of itself. */
export type Visitor = {
  userId: UserId;
  /** Our cookie was there, so it has signed in to the account before. */
  isKnown: boolean;
  /** Nobody has ever signed in to the account: everything would be new. */
  isFirst: boolean;
  isPage: boolean;
  /** What a program sent as its `deviceFingerprint`. */
  fingerprint?: string | undefined;
};

const DAY_MS = 86_400_000;
/** Of so many a node knows by itself that they were seen lately. */
const KEPT = 20_000;

/**
 * Tells people by letter that their account was signed in to from something new. A signal, and no more: nothing is ever let
 * in by it. A browser is known by our cookie; one without it is told of once a day for each network. A program is known by
 * its user agent, whatever its version, and by the fingerprint that it sends.
 */
export function createSeenDevices({ letters }: { letters: Pick<LetterService, 'toUser'> }) {
  const lately = new LRUCache<string, number>({ max: KEPT });
  const keyOf = (call: TenantCall, visitor: Visitor) =>
    `${call.tenantId}${visitor.userId}${printOf(call, visitor).toString('base64url')}`;

  function isSeen(call: TenantCall, visitor: Visitor): boolean {
    if (visitor.isKnown) return true;
    const at = lately.get(keyOf(call, visitor));
    return at !== undefined && call.now.getTime() - at < LIMITS.seenDeviceEachMs;
  }

  return {
    /** Whether there is nothing to note, as far as this node knows: programs that log in all the time cost no statement. */
    isSeen,

    /** Keeps in mind that what `note` has noted is so. Within a transaction it may still be undone, and is not kept. */
    keep(call: TenantCall, visitor: Visitor): void {
      if (!isSeen(call, visitor) && !call.db.isTransaction) lately.set(keyOf(call, visitor), call.now.getTime());
    },

    /** Notes a sign-in that is complete, in its transaction. @returns whether the owner was told that it is new */
    async note(tx: TenantCall, visitor: Visitor): Promise<boolean> {
      const { userId, isFirst, isPage } = visitor;
      if (isSeen(tx, visitor)) return false;
      const print = printOf(tx, visitor);
      const sighting = await store.see(tx, userId, print, LIMITS.seenDeviceEachMs);
      if (sighting?.isFresh) await store.prune(tx, userId, LIMITS.seenDevices);
      const since = new Date(tx.now.getTime() - DAY_MS);
      const isOld = !isPage || (sighting?.toldAt !== undefined && sighting.toldAt > since);
      if (!sighting || (!sighting.isFresh && isOld)) return false;
      const isTold = !isFirst && (await store.countTold(tx, userId, since)) < LIMITS.newDeviceLetters;
      await store.setTold(tx, userId, print);
      if (isTold) await letters.toUser(tx, userId, 'new-device', deedOf(tx));
      return isTold;
    },
  };
}

export type SeenDevices = ReturnType<typeof createSeenDevices>;

function printOf({ origin }: TenantCall, { isPage, fingerprint = '' }: Visitor): Buffer {
  // Without its numbers: a new version is no new device.
  const agent = (origin?.userAgent ?? '').replace(/\d[\d._]*/g, '');
  const parts = isPage ? ['page', agent, networkOf(origin?.ip ?? '')] : ['program', agent, fingerprint];
  return sha256(JSON.stringify(parts));
}
