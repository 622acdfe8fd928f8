import { batchesOf } from '../../kernel/batches.ts';
import { inOperatorTransaction, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { canonicalEmail } from '../../kernel/canonical.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type TenantId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type Page, type PageQuery, pageWindow, searchText } from '../../kernel/page.ts';
import { assertVersion, type Expected } from '../../kernel/version.ts';
import type { AccessService } from '../access/access-service.ts';
import { changeOf } from '../audit/audit-note.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { PasswordService, ReadyPassword } from '../passwords/password-service.ts';
import type { SessionService } from '../sessions/session-service.ts';
import { orTaken } from './taken.ts';
import {
  assertChangeable,
  auditedUser,
  checkedEmail,
  checkedProfile,
  checkedUser,
  identifierOf,
  type Profile,
  type User,
  type UserDraft,
  type UserStatus,
  type UserValues,
  versionOfUser,
} from './user.ts';
import { insertWithinLimit } from './user-limit.ts';
import * as lists from './user-list-store.ts';
import * as store from './user-store.ts';

export type UserServiceDeps = {
  audit: AuditService;
  access: AccessService;
  sessions: Pick<SessionService, 'endAll'>;
  passwords: Pick<PasswordService, 'prepare' | 'set'>;
  letters: Pick<LetterService, 'toUser'>;
};

/** A user to be made, with what belongs to other rooms. */
export type FullUserDraft = UserDraft & {
  /** Where it was told to somebody before. */
  id?: UserId | undefined;
  /** Plain, or what `passwords.prepareNew` gave for the id. */
  password?: string | ReadyPassword | undefined;
  /** Whether the password is good for one sign-in only. */
  mustChangePassword?: boolean | undefined;
  roles?: readonly string[] | undefined;
};

export type UserQuery = PageQuery & {
  status?: UserStatus | undefined;
  search?: string | undefined;
  /** Where they sign in; undefined: wherever. */
  backend?: 'local' | 'oidc' | 'saml' | 'ldap' | 'scim' | undefined;
  sort?: string | undefined;
};

/** The people of a tenant. */
export function createUserService({ audit, access, sessions, passwords, letters }: UserServiceDeps) {
  const target = (id: UserId) => ({ target: `user:${id}` });

  /** Locks a user who may change, lets `work` do so, and says so in the audit trail; nothing when nothing changes. */
  async function change(
    call: TenantCall,
    id: UserId,
    action: string,
    decide: (user: User) => Partial<UserValues>,
    expected?: Expected,
  ): Promise<User> {
    return orTaken(() =>
      inTransaction(call, async (tx) => {
        const user = (await store.lock(tx, id)) ?? notFound(id);
        assertVersion(expected, versionOfUser(user));
        assertChangeable(user);
        const values = decide(user);
        const keys = Object.keys(values).filter(
          (key) => key in user && values[key as keyof UserValues] !== user[key as keyof User],
        );
        if (keys.length === 0) return user;
        const changed = await store.update(tx, id, values);
        await audit.record(tx, action, { ...target(id), ...changeOf(auditedUser(user), auditedUser(changed)) });
        return changed;
      }),
    );
  }

  /** Ends the sessions before the status changes: back-channel logouts are read from what is still there. */
  async function bar(
    call: TenantCall,
    id: UserId,
    status: 'suspended' | 'deactivated',
    details?: { reason: string },
  ): Promise<User> {
    return inTransaction(call, async (tx) => {
      const user = (await store.lock(tx, id)) ?? notFound(id);
      if (user.status === status) return user;
      assertChangeable(user);
      if (user.status === 'active') await access.assertAdminRemains(tx, id);
      await sessions.endAll(tx, id, `user_${status}`);
      const barred = await store.update(tx, id, { status });
      const change = changeOf(auditedUser(user), auditedUser(barred));
      await audit.record(tx, `user.${status}`, { ...target(id), ...change, ...(details && { details }) });
      return barred;
    });
  }

  return {
    /**
     * Makes a user, with a password and roles where they are given.
     *
     * @throws Failure `invalid_input`, `email_taken`, `username_taken`, `tenant_limit`; what `passwords.set` and `access.setUserRoles` throw
     */
    async create(
      call: TenantCall,
      { id = newId<UserId>(), password, mustChangePassword = false, roles, ...draft }: FullUserDraft,
    ): Promise<User> {
      const values = checkedUser(draft);
      return orTaken(() =>
        inTransaction(call, async (tx) => {
          const [made] = await insertWithinLimit(tx, [{ ...values, tenantId: tx.tenantId, id }]);
          const { user } = made!;
          if (password !== undefined) await passwords.set(tx, user.id, password, { mustChange: mustChangePassword });
          if (roles && roles.length > 0) await access.setUserRoles(tx, user.id, roles, { audited: false });
          await audit.record(tx, 'user.created', {
            ...target(user.id),
            after: { ...auditedUser(user), roles: roles ?? [] },
          });
          return user;
        }),
      );
    },

    /** @throws Failure `user_not_found` */
    async get(call: TenantCall, id: UserId): Promise<User> {
      return (await inTransaction(call, (tx) => store.find(tx, id))) ?? notFound(id);
    },

    /** A user, whose row is held until the caller's transaction ends. @throws Failure `user_not_found` */
    hold: async (tx: TenantCall, id: UserId): Promise<User> => (await store.lock(tx, id)) ?? notFound(id),

    /** Those that exist of the named users, in the caller's transaction. */
    findMany: (tx: TenantCall, ids: readonly UserId[]): Promise<User[]> => store.findMany(tx, ids),

    /** The user whom an e-mail address or user name means here, whatever way it is written. */
    async findByIdentifier(call: TenantCall, raw: string): Promise<User | undefined> {
      const identifier = identifierOf(raw);
      return identifier && inTransaction(call, (tx) => store.findByIdentifier(tx, identifier));
    },

    /** Users of active tenants who have an e-mail address: a login that names no tenant asks. 50 at most. */
    async findByEmailAnywhere(call: OperatorCall, raw: string): Promise<store.OwnedUser[]> {
      const email = canonicalEmail(raw);
      return email === undefined
        ? []
        : inOperatorTransaction(call, (tx) => store.findAnywhere(tx, email, LIMITS.tenantChoices));
    },

    /**
     * A page of users; the newest first unless `sort` says otherwise (`createdAt`, `email`, `lastName`, with `-` for
     * descending). `search` is how the e-mail address, the user name, the whole name or the last name begins. `total`
     * counts to `LIMITS.countedRows` and no further.
     *
     * @throws Failure `invalid_input`
     */
    async list(
      call: TenantCall,
      { status, search, backend = 'local', sort = '-createdAt', ...query }: UserQuery = {},
    ): Promise<Page<User>> {
      if (!lists.isUserOrder(sort)) throw new Failure('invalid_input', { field: 'sort' });
      const window = pageWindow(query);
      const filter = { status, prefix: search === undefined ? undefined : searchText(search) };
      // Nobody comes from elsewhere yet.
      if (backend !== 'local') return { items: [], total: 0, page: window.page, pageSize: window.limit };
      const { items, total } = await inTransaction(call, (tx) => lists.list(tx, filter, sort, window));
      return { items, total, page: window.page, pageSize: window.limit };
    },

    /**
     * Changes what a person says of themselves. A new phone number is not verified.
     *
     * @param expected the versions of which the user must be one
     * @throws Failure `user_not_found`, `user_deactivated`, `invalid_input`, `username_taken`, `precondition_failed`
     */
    async updateProfile(call: TenantCall, id: UserId, profile: Profile, expected?: Expected): Promise<User> {
      const checked = checkedProfile(profile);
      const decide = (user: User) => ({
        ...checked,
        ...(checked.phone !== undefined && checked.phone !== user.phone && { phoneVerified: false }),
      });
      return change(call, id, 'user.updated', decide, expected);
    },

    /**
     * Gives a user another e-mail address; who may vouch for it says whether it is verified.
     *
     * @throws Failure `user_not_found`, `user_deactivated`, `invalid_input`, `email_taken`; `privilege_escalation` when
     *   the user may do what the actor may not
     */
    async changeEmail(call: TenantCall, id: UserId, raw: string, { verified = false } = {}): Promise<User> {
      const email = checkedEmail(raw);
      return inTransaction(call, async (tx) => {
        await access.assertNothingGained(tx, id);
        return change(tx, id, 'user.email_changed', () => ({ ...email, emailVerified: verified }));
      });
    },

    /** Notes what was proven or withdrawn about a user's e-mail address or phone. @throws Failure `user_not_found`, `user_deactivated` */
    setVerified: (
      call: TenantCall,
      id: UserId,
      { email, phone }: { email?: boolean | undefined; phone?: boolean | undefined },
    ): Promise<User> =>
      change(call, id, 'user.verified', (user) => ({
        ...(email !== undefined && { emailVerified: email }),
        ...(phone !== undefined && { phoneVerified: phone && user.phone !== null }),
      })),

    /**
     * Bars a user from signing in and ends every session of theirs at once. Suspending twice is one suspension.
     *
     * @param reason what the audit trail says why
     * @throws Failure `user_not_found`, `user_deactivated`, `last_admin`
     */
    suspend: (call: TenantCall, id: UserId, reason?: string): Promise<User> =>
      bar(call, id, 'suspended', reason === undefined ? undefined : { reason }),

    /** Removes a user for good; the row stays for the audit trail. @throws Failure `user_not_found`, `last_admin` */
    deactivate: (call: TenantCall, id: UserId): Promise<User> => bar(call, id, 'deactivated'),

    /** Lets a pending or suspended user sign in. @throws Failure `user_not_found`, `user_deactivated` */
    reactivate: (call: TenantCall, id: UserId): Promise<User> =>
      change(call, id, 'user.reactivated', () => ({ status: 'active' })),

    /**
     * Gives a user another password, on somebody else's word, ends every session of theirs, and tells them by letter.
     *
     * @throws Failure `user_not_found`, `user_deactivated`; `privilege_escalation` when the user may do what the actor
     *   may not; what `passwords.prepare` throws
     */
    async setPassword(call: TenantCall, id: UserId, password: string, { mustChange = false } = {}): Promise<void> {
      const ready = await passwords.prepare(call, id, password);
      await inTransaction(call, async (tx) => {
        assertChangeable((await store.lock(tx, id)) ?? notFound(id));
        await access.assertNothingGained(tx, id);
        await passwords.set(tx, id, ready, { mustChange });
        await sessions.endAll(tx, id, 'password_changed');
        await audit.record(tx, 'user.password_set', { ...target(id), details: { mustChange } });
        await letters.toUser(tx, id, 'password-changed', { at: tx.now.toISOString() });
      });
    },

    /** Notes that the user signed in just now. */
    noteSignIn: (call: TenantCall, id: UserId): Promise<void> => inTransaction(call, (tx) => store.noteSignIn(tx, id)),

    /** Those that exist of the named users of several tenants, in the caller's transaction. */
    findByEmails: (
      tx: OperatorCall,
      users: readonly { tenantId: TenantId; emailCanonical: string }[],
      options?: { lock: boolean },
    ) => store.findByEmails(tx, users, options),

    /** Every user of several tenants who is not gone for good, by tenant and e-mail address, in the caller's transaction. */
    usersOfTenants: (tx: OperatorCall, tenantIds: readonly TenantId[]) => store.listOf(tx, tenantIds),

    /** How many users each of several tenants has, in the caller's transaction. */
    countByTenant: (tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<Map<TenantId, number>> =>
      store.countByTenant(tx, tenantIds),

    /** Users of several tenants in few statements, in the caller's transaction. @throws Failure `email_taken`, `username_taken`, `tenant_limit` */
    async createAll(
      tx: OperatorCall,
      users: readonly (UserValues & { tenantId: TenantId; id: UserId })[],
    ): Promise<void> {
      for (const batch of batchesOf(users, LIMITS.batchRows)) {
        const made = await orTaken(() => insertWithinLimit(tx, batch));
        await audit.recordAll(
          tx,
          made.map(({ tenantId, user }) => ({
            tenantId,
            action: 'user.created',
            ...target(user.id),
            after: auditedUser(user),
          })),
        );
      }
    },
  };
}

export type UserService = ReturnType<typeof createUserService>;

function notFound(userId: UserId): never {
  throw new Failure('user_not_found', { userId });
}
