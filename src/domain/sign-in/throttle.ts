import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { networkOf } from '../../kernel/address.ts';
import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { sha256 } from '../../kernel/secret.ts';
import { DEFAULT_SETTINGS, type TenantSettings } from '../tenants/settings.ts';
import type { DeviceCookies } from './device-cookie.ts';
import * as store from './throttle-store.ts';

/** How many wrong passwords are too many, for one account from one network or one known browser. Times in seconds. */
export type Lockout = TenantSettings['lockout'];

/** Whom guesses are counted for: an account, however its name was spelled, or a name that no account has. */
export type Guessed = { userId: UserId } | { name: string };

export type Reservation = {
  guessed: Guessed;
  /** The browser's id for the account, when it is known. */
  deviceId: string | undefined;
  lockout: Lockout;
};

/** The keys of the counters that were raised for an address. */
export type AddressReservation = readonly string[];

const NETWORKS_OF_SETTINGS = 100;

/**
 * Counts guesses at passwords, shared by all nodes. An attempt is counted before its password is looked at, so that
 * parallel guesses cannot get ahead of the count, and given back when the password was right. The counters have
 * connections of their own: a request that is rolled back leaves them as they are. Their clock is the node's.
 *
 * A known browser has its own counter and no other. Everybody else shares three: account and network, the account from
 * all networks, and the address over all accounts (a single IPv4 address, a /64 of IPv6). None of them shuts for ever.
 *
 * @param counters a small pool that is not the requests' own
 */
export function createThrottle({ counters, devices }: { counters: Knex; devices: DeviceCookies }) {
  const limiter = (
    keyPrefix: string,
    points: number,
    duration: number,
    more: { blockDuration?: number; clear?: boolean } = {},
  ) =>
    new RateLimiterPostgres({
      storeClient: counters,
      storeType: 'knex',
      tableName: 'rate_limits',
      tableCreated: true,
      clearExpiredByTimeout: more.clear === true,
      keyPrefix,
      points,
      duration,
      blockDuration: more.blockDuration ?? 0,
    });
  const byAddress = limiter('sign-in-address', LIMITS.addressFailures, LIMITS.addressWindowSeconds, { clear: true });
  const byAccount = limiter('sign-in-account', LIMITS.strangerFailures, LIMITS.strangerWindowSeconds);
  const gate = limiter('sign-in-gate', 1, LIMITS.strangerWindowSeconds);
  // One per combination of settings, not per tenant; most tenants share the default.
  const narrow = new LRUCache<string, RateLimiterPostgres>({ max: NETWORKS_OF_SETTINGS });

  function narrowFor({ maxAttempts, windowSeconds, durationSeconds }: Lockout): RateLimiterPostgres {
    const key = `${maxAttempts}/${windowSeconds}/${durationSeconds}`;
    const known = narrow.get(key) ?? limiter('sign-in', maxAttempts, windowSeconds, { blockDuration: durationSeconds });
    narrow.set(key, known);
    return known;
  }

  async function reserveKnown(key: string, lockout: Lockout): Promise<Count> {
    return take(narrowFor(lockout), key);
  }

  /**
   * Ten guesses a network, a hundred for the account from all of them, then one at a time with a pause that doubles.
   * Three statements, however it ends: a held attempt costs what a wrong password costs.
   */
  async function reserveStranger(key: string, accountKey: string, lockout: Lockout): Promise<Count> {
    const network = await take(narrowFor(lockout), key);
    if (network.over) {
      // The attempt that goes over the limit has already cost a second statement, which set the pause.
      if (network.points !== lockout.maxAttempts + 1) await byAccount.get(accountKey);
      await gate.get(accountKey);
      return network;
    }
    const account = await take(byAccount, accountKey);
    if (account.over) return take(gate, accountKey, pauseAfter(account.points, lockout));
    await gate.get(accountKey);
    return account;
  }

  return {
    deviceOf: devices.deviceOf,

    /**
     * Counts an attempt for the caller's address, whatever account it is at. Not for a known browser.
     *
     * @throws Failure `rate_limited`; `retryAfter` in seconds
     */
    async reserveAddress({ origin }: Pick<OperatorCall, 'origin'>): Promise<AddressReservation> {
      if (!origin) return [];
      const key = keyOf('address', networkOf(origin.ip));
      const count = await take(byAddress, key);
      if (count.over) throw new Failure('rate_limited', { retryAfter: count.retryAfter });
      return [byAddress.getKey(key)];
    },

    /** Counts an attempt at an account. `held` says that its password must not count, even if it is right. */
    async reserve(call: TenantCall, { guessed, deviceId, lockout }: Reservation) {
      const account = 'userId' in guessed ? `user:${guessed.userId}` : `name:${guessed.name}`;
      const key = keyOf(call.tenantId, account, placeOf(call, deviceId));
      const accountKey = keyOf(call.tenantId, account);
      const count = await (deviceId === undefined
        ? reserveStranger(key, accountKey, lockout)
        : reserveKnown(key, lockout));
      const own = narrowFor(lockout).getKey(key);
      const shared = deviceId === undefined ? [byAccount.getKey(accountKey)] : [];
      return {
        held: count.over,
        /** Seconds. */
        retryAfter: count.retryAfter,
        /**
         * The password was right: this network or browser starts anew, the shared counters lose this attempt only.
         *
         * @param address what `reserveAddress` gave; it is given back too
         */
        succeed: (address: AddressReservation = []): Promise<void> =>
          store.giveBack(counters, [...address, ...shared], [own]),
        /** Gives the attempt back when its password could not be looked at. */
        async orGiveBack<T>(work: Promise<T>, address: AddressReservation = []): Promise<T> {
          return work.catch(async (error: unknown) => {
            await store.giveBack(counters, [...address, ...shared, own]);
            throw error;
          });
        },
      };
    },

    /** The owner has proven by other means whose account it is: this network or browser starts anew. */
    forgive(call: TenantCall, userId: UserId, deviceId: string | undefined): Promise<void> {
      const key = keyOf(call.tenantId, `user:${userId}`, placeOf(call, deviceId));
      return store.giveBack(counters, [], [narrowFor(DEFAULT_SETTINGS.lockout).getKey(key)]);
    },
  };
}

/** From where an account is guessed at, or signed in to. */
const placeOf = ({ origin }: TenantCall, deviceId: string | undefined) =>
  deviceId === undefined ? `network:${networkOf(origin?.ip ?? '')}` : `device:${deviceId}`;

export type Throttle = ReturnType<typeof createThrottle>;
export type Attempt = Awaited<ReturnType<Throttle['reserve']>>;

type Count = { over: boolean; points: number; retryAfter: number };

/** Adds one, in one statement, and says whether that was too many. */
async function take(limiter: RateLimiterPostgres, key: string, seconds?: number): Promise<Count> {
  const toCount = (over: boolean, { consumedPoints, msBeforeNext }: RateLimiterRes): Count => ({
    over,
    points: consumedPoints,
    retryAfter: Math.max(1, Math.ceil(msBeforeNext / 1000)),
  });
  try {
    return toCount(false, await limiter.consume(key, 1, seconds === undefined ? {} : { customDuration: seconds }));
  } catch (refused) {
    // Anything else is the database's own error.
    if (!(refused instanceof RateLimiterRes)) throw refused;
    return toCount(true, refused);
  }
}

/** Two seconds after the first guess too many, doubled with each, up to the tenant's lock-out. */
function pauseAfter(points: number, { durationSeconds }: Lockout): number {
  return Math.min(durationSeconds, 2 ** Math.min(points - LIMITS.strangerFailures, 20));
}

/** Names of counters hold what strangers typed, so they are hashed: one length, no clear text. */
function keyOf(...parts: string[]): string {
  return sha256(JSON.stringify(parts)).toString('base64url');
}
