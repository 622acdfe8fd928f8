import { inTransaction, isPerson, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { plainName } from '../../kernel/text.ts';
import { assertVersion, type Expected } from '../../kernel/version.ts';
import type { AccessService } from '../access/access-service.ts';
import type { FactorReset } from '../factors/factor-reset.ts';
import { shownName } from '../mail/letter.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { PasswordService } from '../passwords/password-service.ts';
import type { RecoveryService } from '../recovery/recovery-service.ts';
import type { TenantService } from '../tenants/tenant-service.ts';
import { assertChangeable, checkedEmail, checkedUser, type Profile, type User, versionOfUser } from './user.ts';
import type { FullUserDraft, UserService } from './user-service.ts';

export type UserAdministrationDeps = {
  users: Pick<
    UserService,
    'create' | 'get' | 'hold' | 'updateProfile' | 'changeEmail' | 'suspend' | 'reactivate' | 'deactivate'
  >;
  access: Pick<AccessService, 'assertNothingGained' | 'setUserRoles'>;
  tenants: Pick<TenantService, 'get'>;
  passwords: Pick<PasswordService, 'prepareNew'>;
  recovery: Pick<RecoveryService, 'invite' | 'sendReset'>;
  factors: FactorReset;
  letters: Pick<LetterService, 'queue'>;
};

/** A user as an administrator makes one: with a password, with an invitation, or with neither. */
export type NewUser = Profile & {
  email: string;
  password?: string | undefined;
  roles?: readonly string[] | undefined;
  /** Writes a letter by which the person sets their password; until then they are pending. */
  sendInvite?: boolean | undefined;
};

/** A user who may be made; see `prepare`. */
export type PreparedUser = FullUserDraft & { id: UserId; sendInvite: boolean };

export type UserChanges = Profile & { email?: string | undefined; roles?: readonly string[] | undefined };

/**
 * What an administrator does to the users of a tenant. Nobody acts on a user who may do what they may not themselves, in
 * the tenant or at a node: whoever has power over an account has, in the end, what it opens.
 */
export function createUserAdministration(deps: UserAdministrationDeps) {
  const { users, access, tenants, passwords, recovery, factors, letters } = deps;

  /** Holds the row of a user on whom the actor may act, and lets `work` change it. */
  async function actOn<T>(
    call: TenantCall,
    id: UserId,
    work: (tx: TenantCall, user: User) => Promise<T>,
    expected?: Expected,
  ): Promise<T> {
    return inTransaction(call, async (tx) => {
      const user = await users.hold(tx, id);
      await access.assertNothingGained(tx, id);
      assertVersion(expected, versionOfUser(user));
      return work(tx, user);
    });
  }

  /** The other address is not proven by that, and the one before is told. */
  async function changeEmail(tx: TenantCall, user: User, raw: string): Promise<void> {
    const { email, emailCanonical } = checkedEmail(raw);
    if (email === user.email) return;
    // Their own is changed by a letter to the new one: a session, or a key, that somebody else got hold of must not be enough.
    if (isPerson(tx.actor, user.id)) throw new Failure('forbidden', { field: 'email' });
    const isSame = emailCanonical === user.emailCanonical;
    await users.changeEmail(tx, user.id, raw, { verified: isSame && user.emailVerified });
    if (isSame) return;
    const letter = {
      template: 'email-changed' as const,
      values: { at: tx.now.toISOString(), address: email },
      to: { name: shownName(user.firstName, user.lastName), address: user.email },
      languages: user.locale === null ? [] : [user.locale],
    };
    await letters.queue(tx, letter, user.id);
  }

  return {
    /**
     * Checks and hashes for `create`; for a caller who opens the transaction afterwards. Whether the address is taken is
     * not looked up here.
     *
     * @throws Failure `invalid_input`; what `passwords.prepareNew` throws
     */
    async prepare(call: TenantCall, { sendInvite = false, password, ...draft }: NewUser): Promise<PreparedUser> {
      if (sendInvite && password !== undefined)
        throw new Failure('invalid_input', { field: 'password', problem: 'is chosen by who is invited' });
      const { email } = checkedUser(draft);
      const id = newId<UserId>();
      const status = sendInvite ? 'pending' : 'active';
      if (password === undefined) return { ...draft, id, status, sendInvite };
      const tenant = await tenants.get(call, call.tenantId);
      const ready = await passwords.prepareNew(call, { userId: id, email }, password, tenant);
      return { ...draft, id, status, sendInvite, password: ready };
    },

    /**
     * Makes a user with the roles that were asked for, and writes the invitation.
     *
     * @throws Failure `email_taken`, `username_taken`, `role_not_found`, `invalid_input`; `privilege_escalation` for roles
     *   that allow what the actor may not do
     */
    async create(call: TenantCall, { sendInvite, ...draft }: PreparedUser): Promise<User> {
      return inTransaction(call, async (tx) => {
        const user = await users.create(tx, draft);
        if (sendInvite) await recovery.invite(tx, user);
        return user;
      });
    },

    /**
     * Changes what is given: null takes a value away, what is left out stays. Another address is not verified, and the
     * one before is told by letter. `roles` are then exactly these.
     *
     * @param expected the versions of which the user must be one
     * @throws Failure `user_not_found`, `user_deactivated`, `invalid_input`, `email_taken`, `username_taken`,
     *   `role_not_found`, `privilege_escalation`, `last_admin`, `precondition_failed`; `forbidden` for one's own address
     */
    update: (
      call: TenantCall,
      id: UserId,
      { email, roles, ...profile }: UserChanges,
      expected?: Expected,
    ): Promise<User> =>
      actOn(
        call,
        id,
        async (tx, user) => {
          assertChangeable(user);
          await users.updateProfile(tx, id, profile);
          if (email !== undefined) await changeEmail(tx, user, email);
          if (roles !== undefined) await access.setUserRoles(tx, id, roles);
          return users.get(tx, id);
        },
        expected,
      ),

    /**
     * Bars a user and ends every session of theirs at once.
     *
     * @throws Failure `user_not_found`, `user_deactivated`, `last_admin`, `privilege_escalation`, `invalid_input`;
     *   `user_suspended` for one who is
     */
    async suspend(call: TenantCall, id: UserId, { reason }: { reason?: string | undefined } = {}): Promise<User> {
      const why = reason === undefined ? undefined : checkedReason(reason);
      return actOn(call, id, async (tx, user) => {
        if (user.status === 'suspended') throw new Failure('user_suspended', { userId: id });
        return users.suspend(tx, id, why);
      });
    },

    /** Lets a suspended or pending user sign in. @throws Failure `user_not_found`, `user_deactivated`, `privilege_escalation` */
    reactivate: (call: TenantCall, id: UserId): Promise<User> => actOn(call, id, (tx) => users.reactivate(tx, id)),

    /**
     * Removes a user for good; the row stays for the audit trail, and so does its hold on the address. A second call
     * changes nothing.
     *
     * @throws Failure `user_not_found`, `last_admin`, `privilege_escalation`, `precondition_failed`
     */
    remove: (call: TenantCall, id: UserId, expected?: Expected): Promise<User> =>
      actOn(call, id, (tx) => users.deactivate(tx, id), expected),

    /**
     * Writes a letter to a user by which they set another password, or their first one where they were invited.
     *
     * @throws Failure `user_not_found`, `user_deactivated`, `user_suspended`, `privilege_escalation`
     */
    sendReset: (call: TenantCall, id: UserId): Promise<void> => actOn(call, id, (tx) => recovery.sendReset(tx, id)),

    /** Takes the second factors of a user away; see `FactorReset`. @throws Failure what it throws, and `user_deactivated` */
    resetFactors: (call: TenantCall, id: UserId): Promise<void> =>
      actOn(call, id, async (tx, user) => {
        assertChangeable(user);
        await factors.reset(tx, id);
      }),
  };
}

export type UserAdministration = ReturnType<typeof createUserAdministration>;

function checkedReason(raw: string): string {
  const reason = plainName(raw, LIMITS.descriptionChars);
  if (reason === undefined) throw new Failure('invalid_input', { field: 'reason', problem: 'must be plain text' });
  return reason;
}
