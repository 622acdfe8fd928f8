import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { asciiDigits } from '../factors/code-text.ts';
import { owesFactor } from '../factors/factor.ts';
import type { FactorService } from '../factors/factor-service.ts';
import { shownName } from '../mail/letter.ts';
import type { LetterOptions, LetterService } from '../mail/letter-service.ts';
import type { PasswordService } from '../passwords/password-service.ts';
import { assertDomain } from '../registration/registration.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import { checkedEmail, type User } from '../users/user.ts';
import type { UserService } from '../users/user-service.ts';
import { type EmailToken, holderHash } from './email-token.ts';
import type { EmailTokenService, MintedToken } from './email-token-service.ts';
import * as store from './recovery-store.ts';
import type { RecoveryThrottle } from './recovery-throttle.ts';

export type EmailChangeDeps = {
  tokens: EmailTokenService;
  letters: Pick<LetterService, 'queue'>;
  users: Pick<UserService, 'get' | 'findByIdentifier' | 'changeEmail'>;
  passwords: Pick<PasswordService, 'prove'>;
  factors: Pick<FactorService, 'list'>;
  sessions: Pick<SessionService, 'proofOf' | 'endAll'>;
  throttle: Pick<RecoveryThrottle, 'takeRequest' | 'takeTry'>;
  audit: Pick<AuditService, 'record'>;
  directory: Pick<TenantDirectory, 'byId'>;
};

/** A signed-in person, in one of their sessions. */
export type InSession = { userId: UserId; sessionUid: string };

export type EmailWish = Omit<LetterOptions, 'until'> & {
  /** The new address, as it was typed. */
  email: string;
  /** Stands in for a login of the last ten minutes. */
  currentPassword?: string | undefined;
  deviceCookie?: string | undefined;
};

const holderOf = ({ sessionUid }: InSession) => `session:${sessionUid}`;

/**
 * Another e-mail address. A signed-in person asks; whoever reads the letters of the new address confirms; only then does
 * it change, and the old one hears of it. The wish dies with the session that made it, with the old address and when
 * somebody takes the new one.
 */
export function createEmailChangeService(deps: EmailChangeDeps) {
  const { tokens, letters, users, passwords, factors, sessions, throttle, audit, directory } = deps;

  /** @throws Failure `reauthentication_required`, and what `passwords.prove` throws */
  async function admit(call: TenantCall, { userId, sessionUid }: InSession, wish: EmailWish): Promise<void> {
    const proof = await sessions.proofOf(call, sessionUid);
    if (proof?.userId !== userId || owesFactor(proof, await factors.list(call, userId)))
      throw new Failure('reauthentication_required');
    const { currentPassword: current, deviceCookie } = wish;
    const isRecent = call.now.getTime() - proof.authTime.getTime() <= LIMITS.recentProofSeconds * 1000;
    if (current !== undefined)
      await passwords.prove(call, userId, { current, deviceCookie, refusal: 'email_change.refused' });
    else if (!isRecent) throw new Failure('reauthentication_required');
  }

  /** To the new address; or, where somebody has it, to its owner: whoever asks learns nothing. */
  async function write(
    tx: TenantCall,
    { user, owner, email }: { user: User; owner: User | undefined; email: string },
    { token, code, minutes, expiresAt }: MintedToken,
    { base, languages = [] }: EmailWish,
  ): Promise<void> {
    const reader = owner ?? { ...user, email };
    const letter = {
      to: { name: shownName(reader.firstName, reader.lastName), address: reader.email },
      languages: reader.locale === null ? languages : [reader.locale, ...languages],
      base,
      until: expiresAt.toISOString(),
    };
    const link = { path: '/change-email', query: { token } } as const;
    await letters.queue(
      tx,
      owner
        ? { ...letter, template: 'account-exists', values: { link: { path: '/' }, recovery: { path: '/recovery' } } }
        : { ...letter, template: 'email-change', values: { link, code, minutes } },
      (owner ?? user).id,
    );
  }

  async function finish(call: TenantCall, { id, userId, email, sessionUid }: EmailToken<'change-email'>) {
    // Whoever opens the link, it is the session's owner who wished it.
    const actor = { kind: 'user', userId, sessionUid, roles: [], permissions: [] } as const;
    return inTransaction({ ...call, actor }, async (tx) => {
      // Two wishes of one person come one after another, and the first makes the second void.
      await store.lockUser(tx, userId);
      const before = await users.get(tx, userId);
      if (!(await tokens.consume(tx, 'change-email', id))) throw new Failure('token_invalid');
      const changed = await users.changeEmail(tx, userId, email, { verified: true });
      await tokens.forget(tx, 'change-email', userId);
      await sessions.endAll(tx, userId, 'email_changed', sessionUid);
      await letters.queue(
        tx,
        {
          template: 'email-changed',
          values: { at: tx.now.toISOString(), ip: tx.origin?.ip, userAgent: tx.origin?.userAgent, address: email },
          to: { name: shownName(before.firstName, before.lastName), address: before.email },
          languages: before.locale === null ? [] : [before.locale],
        },
        userId,
      );
      return changed;
    });
  }

  return {
    /**
     * Asks for another address: a letter with a link and a code goes there. Nothing changes yet. The answer is the same
     * where somebody has the address; then its owner hears of it instead.
     *
     * @throws Failure `reauthentication_required` where the login is older than ten minutes and no password is given, or
     *   lacks a factor that the person has; `invalid_credentials` for a wrong one; `rate_limited`; `invalid_input`, also for an
     *   address of a domain that cannot be used here
     */
    async ask(call: TenantCall, by: InSession, wish: EmailWish): Promise<void> {
      const { email, emailCanonical } = checkedEmail(wish.email);
      const tenant = await directory.byId(call, call.tenantId);
      assertDomain(emailCanonical, tenant?.settings.registration.emailDomains ?? []);
      await admit(call, by, wish);
      const user = await users.get(call, by.userId);
      if (user.email === email) throw new Failure('invalid_input', { field: 'email', problem: 'is the present one' });
      await throttle.takeRequest(call, 'email-change', `user:${by.userId}`, emailCanonical);
      const found = await users.findByIdentifier(call, emailCanonical);
      const owner = found?.id === by.userId ? undefined : found;
      await inTransaction(call, async (tx) => {
        const facts = { userId: user.id, sessionUid: by.sessionUid, email, emailCanonical, replaces: user.email };
        const made = await tokens.mint(tx, 'change-email', { ...facts, holder: holderHash(holderOf(by)) });
        await write(tx, { user, owner, email }, made!, wish);
        await audit.record(tx, 'email_change.requested', { target: `user:${by.userId}` });
      });
    },

    /** The address that a link would make somebody's, as long as it is good. To look uses nothing up. */
    find: async (call: TenantCall, token: string): Promise<{ email: string } | undefined> =>
      tokens.find(call, 'change-email', token),

    /**
     * Changes the address by the link of the letter, and ends every session but the one that asked. The tenant may be
     * left out: the token knows it.
     *
     * @param by who must have asked for it; without it, whoever has the link may use it
     * @throws Failure `token_invalid`; a second call meets it too. `email_taken` when somebody was faster
     */
    async confirm(
      call: OperatorCall & { tenantId?: TenantId | undefined },
      token: string,
      by?: InSession,
    ): Promise<User> {
      const tenantId = call.tenantId ?? (await tokens.tenantOf(call, token));
      if (tenantId === undefined) throw new Failure('token_invalid');
      const there: TenantCall = { ...call, tenantId };
      const found = await tokens.find(there, 'change-email', token);
      if (!found || (by && found.userId !== by.userId)) throw new Failure('token_invalid');
      return finish(there, found);
    },

    /**
     * The same by the code of the letter, in the session that asked; five tries.
     *
     * @throws Failure what `confirm` throws; `rate_limited` after too many codes of one address
     */
    async confirmByCode(call: TenantCall, by: InSession, code: string): Promise<User> {
      if (call.db.isTransaction) throw new Error('a try that is rolled back is not counted');
      await throttle.takeTry(call);
      const typed = { holder: holderOf(by), code: asciiDigits(code) };
      const found = await inTransaction(call, (tx) => tokens.findByCode(tx, 'change-email', typed));
      if (!found) throw new Failure('token_invalid');
      return finish(call, found);
    },
  };
}

export type EmailChangeService = ReturnType<typeof createEmailChangeService>;
