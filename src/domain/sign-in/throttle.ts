import type { Knex } from 'knex';
import { networkOf } from '../../kernel/address.ts';
import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { sha256 } from '../../kernel/secret.ts';
import type { TenantSettings } from '../tenants/settings.ts';
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

/** The key of the counter that was raised for an address; undefined where none was. */
export type AddressReservation = string | undefined;

/**
 * Counts guesses at passwords, shared by all nodes. An attempt is counted before its password is looked at, so that
 * parallel guesses cannot get ahead of the count, and given back when the password was right. The counters have
 * connections of their own: a request that is rolled back leaves them as they are. Their clock is the database's.
 *
 * A known browser has its own counter and no other. Everybody else shares three: account and network, the account from
 * all networks, and the address over all accounts (a single IPv4 address, a /64 of IPv6). None of them shuts for ever.
 * Each attempt is one statement, however it ends: a held one costs what a wrong password costs.
 *
 * @param counters a small pool that is not the requests' own
 */
export function createThrottle({ counters, devices }: { counters: Knex; devices: DeviceCookies }) {
  return {
    deviceOf: devices.deviceOf,

    /**
     * Counts an attempt for the caller's address alone, whatever account it is at.
     *
     * @throws Failure `rate_limited`; `retryAfter` in seconds
     */
    async reserveAddress(call: Pick<OperatorCall, 'origin'>): Promise<AddressReservation> {
      const address = addressCounter(call);
      if (address) assertBelow(await store.count(counters, { address }));
      return address?.key;
    },

    /**
     * Counts an attempt at an account: ten guesses a network, a hundred for the account from all of them, then one at a
     * time with a pause that doubles. `held` says that its password must not count, even if it is right.
     *
     * @param withAddress counts it for the caller's address too, unless the browser is known
     * @throws Failure `rate_limited` where the address has had too many
     */
    async reserve(call: TenantCall, { guessed, deviceId, lockout }: Reservation, { withAddress = false } = {}) {
      const name = 'userId' in guessed ? `user:${guessed.userId}` : `name:${guessed.name}`;
      const isKnown = deviceId !== undefined;
      const address = withAddress && !isKnown ? addressCounter(call) : undefined;
      const place = placeCounter(call, name, deviceId, lockout);
      const account = isKnown ? undefined : accountCounter(call, name);
      const counted = await store.count(counters, { address, place, account });
      assertBelow(counted);
      const kept = (key: string | undefined) => (key === undefined ? [] : [{ key, forget: false }]);
      return {
        held: counted.over !== null,
        /** Whether strangers are held from now on, and were not before this attempt. */
        begins: !isKnown && counted.begins,
        /** Seconds. */
        retryAfter: secondsOf(counted),
        /** What was counted for the address. */
        address: address?.key,
        /**
         * The password was right: this network or browser starts anew, the shared counters lose this attempt only.
         *
         * @param reservation of the address, which is given back too
         */
        succeed: (reservation?: AddressReservation): Promise<void> =>
          store.giveBack(counters, [...kept(reservation), { key: place.key, forget: true }, ...kept(account?.key)]),
        /** Gives the attempt back when its password could not be looked at. */
        async orGiveBack<T>(work: Promise<T>, reservation?: AddressReservation): Promise<T> {
          return work.catch(async (error: unknown) => {
            await store.giveBack(counters, [...kept(reservation), ...kept(place.key), ...kept(account?.key)]);
            throw error;
          });
        },
      };
    },

    /** The owner has proven by other means whose account it is: this network or browser starts anew. */
    forgive(call: TenantCall, userId: UserId, deviceId: string | undefined): Promise<void> {
      return store.giveBack(counters, [{ key: placeKey(call, `user:${userId}`, deviceId), forget: true }]);
    },
  };
}

/** From where an account is guessed at, or signed in to. */
const placeOf = ({ origin }: TenantCall, deviceId: string | undefined) =>
  deviceId === undefined ? `network:${networkOf(origin?.ip ?? '')}` : `device:${deviceId}`;

export type Throttle = ReturnType<typeof createThrottle>;
export type Attempt = Awaited<ReturnType<Throttle['reserve']>>;

type Counted = Awaited<ReturnType<typeof store.count>>;

const secondsOf = ({ leftMs }: Counted) => Math.max(1, Math.ceil(leftMs / 1000));

function assertBelow(counted: Counted): void {
  if (counted.over === 'address') throw new Failure('rate_limited', { retryAfter: secondsOf(counted) });
}

function addressCounter({ origin }: Pick<OperatorCall, 'origin'>): store.Counter | undefined {
  if (!origin) return undefined;
  const key = `sign-in-address:${keyOf('address', networkOf(origin.ip))}`;
  return { key, most: LIMITS.addressFailures, seconds: LIMITS.addressWindowSeconds };
}

const placeKey = (call: TenantCall, name: string, deviceId: string | undefined) =>
  `sign-in:${keyOf(call.tenantId, name, placeOf(call, deviceId))}`;

function placeCounter(call: TenantCall, name: string, deviceId: string | undefined, lockout: Lockout) {
  const { maxAttempts: most, windowSeconds: seconds, durationSeconds: shutSeconds } = lockout;
  return { key: placeKey(call, name, deviceId), most, seconds, shutSeconds };
}

function accountCounter({ tenantId }: TenantCall, name: string) {
  const key = keyOf(tenantId, name);
  const counter = { most: LIMITS.strangerFailures, seconds: LIMITS.strangerWindowSeconds };
  return { ...counter, key: `sign-in-account:${key}`, gate: `sign-in-gate:${key}` };
}

/** Names of counters hold what strangers typed, so they are hashed: one length, no clear text. */
function keyOf(...parts: string[]): string {
  return sha256(JSON.stringify(parts)).toString('base64url');
}
