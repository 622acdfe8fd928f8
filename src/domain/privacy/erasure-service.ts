import { inTransaction, isPerson, nameOfActor, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type ErasureId, newId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { plainName } from '../../kernel/text.ts';
import type { AccessService } from '../access/access-service.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { owesFactor } from '../factors/factor.ts';
import type { FactorService } from '../factors/factor-service.ts';
import { deedOf } from '../mail/letter.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { PasswordService } from '../passwords/password-service.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import type { Erasure } from './erasure.ts';
import * as store from './erasure-store.ts';
import * as people from './person-store.ts';

export type ErasureDeps = {
  audit: Pick<AuditService, 'record' | 'recordRefusal' | 'erase'>;
  access: Pick<AccessService, 'assertAdminRemains' | 'assertNothingGained'>;
  sessions: Pick<SessionService, 'proofOf' | 'endAll'>;
  passwords: Pick<PasswordService, 'prove'>;
  factors: Pick<FactorService, 'list'>;
  letters: Pick<LetterService, 'toUser'>;
  directory: Pick<TenantDirectory, 'byId'>;
};

/** How a signed-in person shows that it is them who asks. */
export type OwnProof = {
  sessionUid: string;
  password?: string | undefined;
  deviceCookie?: string | undefined;
};

export type ErasureWish = {
  /** In their own words; it is gone with the rest. */
  reason?: string | undefined;
  /** Days in which it can be taken back; the tenant's unless told. */
  graceDays?: number | undefined;
};

const DAY = 86_400_000;

/**
 * Accounts that end for good (GDPR Art. 17). Somebody asks; for some days it can be taken back; then all that is known of
 * the person goes, everywhere, in one transaction. What stays names them by an id that leads nowhere: that something was
 * done, when, and to what.
 */
export function createErasureService(deps: ErasureDeps) {
  const { audit, access, sessions, passwords, factors, letters, directory } = deps;
  const target = (userId: UserId) => ({ target: `user:${userId}` });

  /** @throws Failure `reauthentication_required`, and what `passwords.prove` throws */
  async function admit(call: TenantCall, userId: UserId, given: OwnProof): Promise<void> {
    const proof = await sessions.proofOf(call, given.sessionUid);
    if (proof?.userId !== userId || owesFactor(proof, await factors.list(call, userId)))
      throw new Failure('reauthentication_required');
    const { password: current, deviceCookie } = given;
    const isRecent = call.now.getTime() - proof.authTime.getTime() <= LIMITS.recentProofSeconds * 1000;
    if (current !== undefined)
      await passwords.prove(call, userId, { current, deviceCookie, refusal: 'erasure.refused' });
    else if (!isRecent) throw new Failure('reauthentication_required');
  }

  async function put(call: TenantCall, userId: UserId, { reason, graceDays }: ErasureWish): Promise<Erasure> {
    const line = (reason ?? '').replaceAll(/\s+/g, ' ').trim();
    const said = line === '' ? null : plainName(line, LIMITS.descriptionChars);
    if (said === undefined) throw new Failure('invalid_input', { field: 'reason', problem: 'must be plain text' });
    const tenant = await directory.byId(call, call.tenantId);
    const days = graceDays ?? tenant?.settings.privacy.graceDays ?? LIMITS.erasureGraceDays;
    if (!Number.isInteger(days) || days < 0 || days > LIMITS.erasureGraceDays)
      throw new Failure('invalid_input', { field: 'graceDays', problem: `must be ${LIMITS.erasureGraceDays} at most` });
    return inTransaction(call, async (tx) => {
      const person = await people.lock(tx, userId);
      if (!person) throw new Failure('user_not_found', { userId });
      const open = await store.find(tx, userId);
      if (open) return open;
      if (!isPerson(tx.actor, userId)) await access.assertNothingGained(tx, userId);
      if (person.status === 'active') await access.assertAdminRemains(tx, userId);
      const effectiveAt = new Date(tx.now.getTime() + days * DAY);
      const wish = { id: newId<ErasureId>(), userId, by: nameOfActor(tx.actor), effectiveAt, reason: said };
      const erasure = await store.insert(tx, wish);
      await audit.record(tx, 'user.erasure_requested', { ...target(userId), after: { effectiveAt } });
      const link = { path: '/account/privacy' } as const;
      await letters.toUser(tx, userId, 'account-deletion', { effectiveAt: effectiveAt.toISOString(), link });
      return erasure;
    });
  }

  /** One person, if it is still wished. All of it is kept, or nothing. */
  async function eraseOne(call: TenantCall, { id, userId }: Pick<Erasure, 'id' | 'userId'>): Promise<boolean> {
    return inTransaction(call, async (tx) => {
      const person = await people.lock(tx, userId);
      if (!(await store.lockDue(tx, id))) return false;
      if (person) {
        if (person.status === 'active') await access.assertAdminRemains(tx, userId);
        // Relying parties are owed their logouts by what is still there.
        await sessions.endAll(tx, userId, 'erased');
        await people.removeOwn(tx, person);
        await people.pseudonymise(tx, person);
        await people.emptyJobs(tx, person);
        await audit.erase(tx, userId);
        await audit.record(tx, 'user.erased', { ...target(userId), details: { request: id } });
      }
      await store.finish(tx, id);
      return true;
    });
  }

  return {
    /**
     * A signed-in person asks to be erased. A second time gives the same request. Nothing else changes before its day.
     *
     * @throws Failure `reauthentication_required` without the password or a login of the last ten minutes, with the second
     *   factor where there is one; what `passwords.prove` throws; `last_admin`; `invalid_input`
     */
    async ask(call: TenantCall, userId: UserId, given: OwnProof & Pick<ErasureWish, 'reason'>): Promise<Erasure> {
      await admit(call, userId, given);
      return put(call, userId, { reason: given.reason });
    },

    /**
     * The same on somebody else's word. For oneself there is `ask`: a session, or a key, that somebody got hold of must not
     * be enough.
     *
     * @throws Failure `user_not_found`, `last_admin`, `invalid_input`; `privilege_escalation` when the user may do what the
     *   actor may not; `forbidden` for oneself
     */
    async askFor(call: TenantCall, userId: UserId, wish: ErasureWish = {}): Promise<Erasure> {
      if (isPerson(call.actor, userId)) throw new Failure('forbidden', { userId });
      return put(call, userId, wish);
    },

    /** What is open of a user. */
    find: (call: TenantCall, userId: UserId): Promise<Erasure | undefined> =>
      inTransaction(call, (tx) => store.find(tx, userId)),

    /**
     * Takes it back; a letter tells the person.
     *
     * @throws Failure `erasure_not_found`; a second call meets it too; `privilege_escalation` when the user may do what the
     *   actor may not
     */
    async cancel(call: TenantCall, userId: UserId): Promise<void> {
      await inTransaction(call, async (tx) => {
        // Whoever is being erased at this moment is gone when the row is free.
        await people.lock(tx, userId);
        if (!isPerson(tx.actor, userId)) await access.assertNothingGained(tx, userId);
        if (!(await store.cancel(tx, userId))) throw new Failure('erasure_not_found', { userId });
        await audit.record(tx, 'user.erasure_cancelled', target(userId));
        const deed = isPerson(tx.actor, userId) ? deedOf(tx) : { at: tx.now.toISOString() };
        await letters.toUser(tx, userId, 'account-kept', deed);
      });
    },

    /**
     * Erases everybody whose day has come, one transaction each. It may run twice at once. Who is the last administrator by
     * now is asked again a day later.
     *
     * @returns how many were erased
     */
    async eraseDue(call: OperatorCall, signal?: AbortSignal): Promise<number> {
      let erased = 0;
      for (const { tenantId, id, userId } of await store.listDue(call, LIMITS.erasuresAtOnce)) {
        if (signal?.aborted) break;
        const there: TenantCall = { ...call, tenantId };
        try {
          if (await eraseOne(there, { id, userId })) erased += 1;
        } catch (error) {
          if (!(error instanceof Failure) || error.code !== 'last_admin') throw error;
          await inTransaction(there, (tx) => store.postpone(tx, id, new Date(call.now.getTime() + DAY)));
          await audit.recordRefusal(there, 'user.erasure_postponed', {
            ...target(userId),
            details: { reason: error.code },
          });
        }
      }
      return erased;
    },
  };
}

export type ErasureService = ReturnType<typeof createErasureService>;
