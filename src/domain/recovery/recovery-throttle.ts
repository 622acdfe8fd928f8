import type { Knex } from 'knex';
import { networkOf } from '../../kernel/address.ts';
import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import { createCounter } from '../../kernel/counter.ts';
import { LIMITS } from '../../kernel/limits.ts';

/** What strangers ask letters for, and those that go to strangers. */
export type LetterKind = 'recovery' | 'registration' | 'verification' | 'email-change' | 'invite';

/**
 * Counts letters that strangers ask for and codes that they try, over all nodes. What was counted stays counted: nobody
 * learns from these counters whether there is an account, and a request that fails is a request.
 *
 * @param counters a small pool that is not the requests' own
 */
export function createRecoveryThrottle({ counters }: { counters: Knex }) {
  const counter = (name: string, points: number) =>
    createCounter(counters, { name, points, seconds: LIMITS.recoveryWindowSeconds, hidesKeys: true });
  const kinds: readonly LetterKind[] = ['recovery', 'registration', 'verification', 'email-change', 'invite'];
  const byName = perKind(kinds, (kind) => counter(kind, LIMITS.recoveriesOfEmail));
  const byAddress = perKind(kinds, (kind) => counter(`${kind}-address`, LIMITS.recoveriesOfAddress));
  const unprovenByAddress = counter('registration-unproven', LIMITS.unprovenRegistrationsOfAddress);
  const unprovenByTenant = counter('registration-unproven-tenant', LIMITS.unprovenRegistrationsOfTenant);
  const triesByAddress = counter('recovery-tries', LIMITS.recoveryTriesOfAddress);

  const addressOf = ({ origin }: OperatorCall) => (origin ? networkOf(origin.ip) : undefined);

  async function takeNames(kind: LetterKind, ...names: string[]): Promise<void> {
    for (const name of names) await byName[kind].take(name);
  }

  return {
    /**
     * Counts a letter that was asked for, for the caller's address and for who is to get it. Each kind of letter has
     * counters of its own: registrations with an address must not keep its owner from recovery.
     *
     * @throws Failure `rate_limited`
     */
    async takeRequest(call: OperatorCall, kind: LetterKind, ...names: string[]): Promise<void> {
      const address = addressOf(call);
      if (address !== undefined) await byAddress[kind].take(address);
      await takeNames(kind, ...names);
    },

    /** The same without the caller's address, where that was counted before. @throws Failure `rate_limited` */
    takeNames,

    /** Counts a registration by somebody who may be a robot: few for one network and one tenant. @throws Failure `rate_limited` */
    async takeUnproven(call: TenantCall): Promise<void> {
      const address = addressOf(call);
      if (address !== undefined) await unprovenByAddress.take(address);
      await unprovenByTenant.take(call.tenantId);
    },

    /** Counts a code that was tried. @throws Failure `rate_limited` */
    async takeTry(call: OperatorCall): Promise<void> {
      const address = addressOf(call);
      if (address !== undefined) await triesByAddress.take(address);
    },
  };
}

const perKind = <T>(kinds: readonly LetterKind[], make: (kind: LetterKind) => T): Record<LetterKind, T> =>
  Object.fromEntries(kinds.map((kind) => [kind, make(kind)])) as Record<LetterKind, T>;

export type RecoveryThrottle = ReturnType<typeof createRecoveryThrottle>;
