import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { Throttle } from '../sign-in/throttle.ts';
import { type TenantSettings, withDefaults } from '../tenants/settings.ts';
import type { BreachCheck } from './breach-check.ts';
import type { CommonPasswords } from './common-passwords.ts';
import { recogniseHash } from './foreign-hash.ts';
import type { Hasher, StoredHash } from './hash.ts';
import * as store from './password-store.ts';
import { assertPassword } from './password-text.ts';
import { problemsOf } from './policy.ts';

export type PasswordServiceDeps = {
  hasher: Hasher;
  common: CommonPasswords;
  isBreached: BreachCheck;
  /** The counters of sign-in: guessing here and there is one guessing. */
  throttle: Pick<Throttle, 'reserve' | 'deviceOf'>;
  /** What a changed password ends, and how its owner hears of it. */
  sessions: Pick<SessionService, 'endAll'>;
  letters: Pick<LetterService, 'toUser'>;
  audit: Pick<AuditService, 'record' | 'recordRefusal'>;
  /** Words that no password may lean on, beside the tenant's and the person's own. */
  productWords?: readonly string[];
};

/** A password that a signed-in person gives as the present one, on a browser with this device cookie. */
export type GivenPassword = { current: string; deviceCookie?: string | undefined; refusal: string };

/** A password that may be set: it met the policy and is hashed. Good for the user it was made for. */
export type ReadyPassword = { readonly userId: UserId; readonly stored: StoredHash };

export type PasswordChange = {
  current: string;
  next: string;
  deviceCookie?: string | undefined;
  keepSessions?: boolean;
};

/** The passwords of users. Plain ones are hashed and forgotten; hashes never leave this room but for sign-in. */
export function createPasswordService({
  hasher,
  common,
  isBreached,
  throttle,
  sessions,
  letters,
  audit,
  productWords = ['gatehouse'],
}: PasswordServiceDeps) {
  async function subjectOf(call: TenantCall, userId: UserId): Promise<store.PasswordSubject> {
    const subject = await store.findSubject(call, userId);
    if (!subject) throw new Failure('user_not_found', { userId });
    return subject;
  }

  async function opensOne(hashes: readonly StoredHash[], password: string): Promise<boolean> {
    for (const stored of hashes) if (await hasher.verify(stored, password)) return true;
    return false;
  }

  async function assertAllowed(
    call: TenantCall,
    userId: UserId,
    subject: store.PasswordSubject,
    password: string,
    mayKeep: boolean,
  ): Promise<void> {
    assertPassword(password);
    const policy = withDefaults(subject.settings).password;
    const context = [subject.tenantName, subject.tenantSlug, subject.email, subject.username, ...productWords];
    const problems = await problemsOf(password, policy, context, common);
    if (problems.length > 0) throw new Failure('password_policy', { reasons: problems });
    if (policy.refuseBreached && (await isBreached(password))) throw new Failure('password_breached');

    const earlier =
      policy.historySize > 0
        ? await inTransaction(call, (tx) => store.listHistory(tx, userId, policy.historySize))
        : [];
    const current = subject.current && (policy.historySize > 0 || !mayKeep) ? [subject.current] : [];
    if (await opensOne([...current, ...earlier], password))
      throw new Failure('password_policy', { reasons: ['reused'] });
  }

  async function rememberOld(
    tx: TenantCall,
    userId: UserId,
    { settings, current }: store.PasswordSubject,
  ): Promise<void> {
    const { historySize } = withDefaults(settings).password;
    if (current && historySize > 0) await store.remember(tx, userId, current, historySize);
  }

  /**
   * Checks and hashes a password for a user. It asks the breach service and hashes, so it is for a caller who opens the
   * transaction afterwards.
   *
   * @throws Failure `password_policy` with `reasons`, `password_breached`, `invalid_input`, `user_not_found`, `busy`
   */
  async function prepare(call: TenantCall, userId: UserId, password: string): Promise<ReadyPassword> {
    const subject = await subjectOf(call, userId);
    // One that must be changed cannot be set again by the one who must change it.
    await assertAllowed(call, userId, subject, password, subject.current?.mustChange !== true);
    return { userId, stored: await hasher.hash(password) };
  }

  /** Puts another password in the place of the one that was seen, and tells its owner; false: somebody was faster. */
  async function swap(
    tx: TenantCall,
    userId: UserId,
    subject: store.PasswordSubject,
    stored: StoredHash,
  ): Promise<boolean> {
    if (!subject.current || !(await store.replace(tx, userId, subject.current, stored))) return false;
    await rememberOld(tx, userId, subject);
    await audit.record(tx, 'password.changed', { target: `user:${userId}` });
    await letters.toUser(tx, userId, 'password-changed', { at: tx.now.toISOString(), ip: tx.origin?.ip });
    return true;
  }

  /**
   * Makes sure that a signed-in person knows their password. A wrong one counts as a wrong login does.
   *
   * @param given.refusal the action under which the audit trail has a wrong one
   * @throws Failure `invalid_credentials`, `rate_limited` after too many wrong ones, `busy`, `user_not_found`
   */
  async function prove(call: TenantCall, userId: UserId, given: GivenPassword): Promise<store.PasswordSubject> {
    assertPassword(given.current, 'currentPassword');
    const subject = await subjectOf(call, userId);
    const deviceId = await throttle.deviceOf(call, given.deviceCookie, userId);
    const { lockout } = withDefaults(subject.settings);
    const attempt = await throttle.reserve(call, { guessed: { userId }, deviceId, lockout });
    const usable = attempt.held || !subject.active ? undefined : subject.current;
    if (await attempt.orGiveBack(hasher.verify(usable, given.current))) {
      await attempt.succeed();
      return subject;
    }
    await audit.recordRefusal(call, given.refusal, {
      target: `user:${userId}`,
      details: { reason: attempt.held ? 'held' : 'wrong_credentials' },
    });
    if (attempt.held) throw new Failure('rate_limited', { retryAfter: attempt.retryAfter });
    throw new Failure('invalid_credentials');
  }

  return {
    prepare,

    /**
     * The same for somebody who is no user yet: nobody is looked up, so the work does not tell whether there is one.
     *
     * @param tenant whose rules they are
     * @throws Failure what `prepare` throws, but `user_not_found`
     */
    async prepareNew(
      call: TenantCall,
      { userId, email }: { userId: UserId; email: string },
      password: string,
      tenant: { slug: string; name: string; settings: TenantSettings },
    ): Promise<ReadyPassword> {
      const { slug: tenantSlug, name: tenantName, settings } = tenant;
      const whose = { tenantSlug, tenantName, settings, email, username: null, active: true, current: undefined };
      await assertAllowed(call, userId, whose, password, false);
      return { userId, stored: await hasher.hash(password) };
    },

    prove: async (call: TenantCall, userId: UserId, given: GivenPassword): Promise<void> => {
      await prove(call, userId, given);
    },

    /** Demands another password at the next sign-in; nothing where there is none. The caller writes the audit line. */
    demandChange: (tx: TenantCall, userId: UserId): Promise<void> => store.demandChange(tx, userId),

    /**
     * Sets a user's password, whatever was there before. The caller, who knows the occasion, writes the audit line.
     *
     * @param password plain, or what `prepare` gave
     * @throws Failure what `prepare` throws
     */
    async set(
      call: TenantCall,
      userId: UserId,
      password: string | ReadyPassword,
      { mustChange = false } = {},
    ): Promise<void> {
      const ready =
        typeof password === 'object' && password !== null ? password : await prepare(call, userId, password);
      if (ready.userId !== userId) throw new Error('the password was prepared for another user');
      await inTransaction(call, async (tx) => {
        await rememberOld(tx, userId, await subjectOf(tx, userId));
        await store.put(tx, userId, ready.stored, mustChange);
      });
    },

    /**
     * Sets a hash that another system made. It opens as it is; the next login replaces it with our own.
     *
     * @throws Failure `invalid_input` for a format or for parameters that this house does not execute
     */
    async setForeign(call: TenantCall, userId: UserId, hash: string, { mustChange = false } = {}): Promise<void> {
      if (!recogniseHash(hash))
        throw new Failure('invalid_input', { field: 'passwordHash', problem: 'is in no known format' });
      await inTransaction(call, (tx) => store.put(tx, userId, { hash, pepperId: null, normalForm: null }, mustChange));
    },

    /** Whether a user has a password at all. @throws Failure `user_not_found` */
    has: async (call: TenantCall, userId: UserId): Promise<boolean> =>
      (await subjectOf(call, userId)).current !== undefined,

    /** Whether a password opens a hash; see the hasher. Undefined costs the same work, and is a no. */
    verify: (stored: StoredHash | undefined, password: string): Promise<boolean> => hasher.verify(stored, password),

    /** A new hash of a password that was just found right, where the stored one is out of date and there is time for it. */
    async refreshed(stored: StoredHash, password: string): Promise<StoredHash | undefined> {
      if (!hasher.needsRehash(stored)) return undefined;
      return hasher.hash(password).catch((error: unknown) => {
        if (error instanceof Failure && error.code === 'busy') return undefined;
        throw error;
      });
    },

    /** Writes what `refreshed` gave, unless another login or a change of the password came first: then false. */
    rehash: (tx: TenantCall, userId: UserId, seen: StoredHash, stored: StoredHash): Promise<boolean> =>
      inTransaction(tx, (inner) => store.rehash(inner, userId, seen, stored)),

    /**
     * A signed-in person changes the password: every other session of theirs ends, and a letter tells them. Wrong
     * current ones count as wrong logins do.
     *
     * @param deviceCookie the browser's, so that strangers who guess cannot keep the owner from it
     * @param keepSessions whether the person wishes to stay signed in elsewhere
     * @throws Failure `invalid_credentials` when the current one is wrong, `rate_limited` after too many such,
     *   `conflict` when it was changed at the same moment, and what `prepare` throws
     */
    async change(
      call: TenantCall,
      userId: UserId,
      { current, next, deviceCookie, keepSessions = false }: PasswordChange,
    ): Promise<void> {
      assertPassword(next, 'newPassword');
      const subject = await prove(call, userId, { current, deviceCookie, refusal: 'password.change_refused' });
      await assertAllowed(call, userId, subject, next, false);
      const stored = await hasher.hash(next);
      await inTransaction(call, async (tx) => {
        if (!(await swap(tx, userId, subject, stored))) throw new Failure('conflict', { userId });
        if (keepSessions) return;
        const { actor } = tx;
        const own = actor.kind === 'user' && actor.userId === userId ? actor.sessionUid : undefined;
        await sessions.endAll(tx, userId, 'password_changed', own);
      });
    },

    /**
     * Replaces a password that had to be changed, for sign-in, which has checked it. Every session of before ends, but for
     * the one at whose browser it happens.
     *
     * @param seen the hash that sign-in saw: a password that was changed since then stays
     * @param login.provenAt when it saw it: earlier logins that are still on their way lead nowhere
     * @returns false when it is not there any more
     * @throws Failure what `prepare` throws
     */
    async renew(
      call: TenantCall,
      userId: UserId,
      seen: (stored: StoredHash) => boolean,
      password: string,
      login: { provenAt: Date; session?: string | undefined },
    ): Promise<boolean> {
      const subject = await subjectOf(call, userId);
      if (!subject.active || !subject.current || !seen(subject.current)) return false;
      await assertAllowed(call, userId, subject, password, false);
      const stored = await hasher.hash(password);
      return inTransaction(call, async (tx) => {
        if (!(await swap(tx, userId, subject, stored))) return false;
        await sessions.endAll(tx, userId, 'password_changed', login.session, login.provenAt);
        return true;
      });
    },
  };
}

export type PasswordService = ReturnType<typeof createPasswordService>;
