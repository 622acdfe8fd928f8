import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';
import { asciiDigits } from '../factors/code-text.ts';
import type { LetterOptions, LetterService } from '../mail/letter-service.ts';
import type { UserService } from '../users/user-service.ts';
import { type EmailToken, holderHash } from './email-token.ts';
import type { EmailTokenService } from './email-token-service.ts';
import * as store from './recovery-store.ts';
import type { RecoveryThrottle } from './recovery-throttle.ts';

export type VerificationDeps = {
  tokens: EmailTokenService;
  letters: Pick<LetterService, 'toUser'>;
  users: Pick<UserService, 'get' | 'setVerified'>;
  throttle: Pick<RecoveryThrottle, 'takeTry' | 'takeRequest'>;
};

/** Where a letter goes out from, and what only the browser has on which its code may be typed. */
type Reader = Omit<LetterOptions, 'until'> & { holder?: string | undefined };

/** The proof that a user reads the letters of the address that stands in their profile. */
export function createVerificationService({ tokens, letters, users, throttle }: VerificationDeps) {
  async function finish(tx: TenantCall, { id, userId }: EmailToken): Promise<void> {
    await store.lockUser(tx, userId);
    if (!(await tokens.consume(tx, 'verify-email', id))) throw new Failure('token_invalid');
    await tokens.forget(tx, 'verify-email', userId);
    await users.setVerified(tx, userId, { email: true });
  }

  async function send(
    tx: TenantCall,
    { id: userId, email }: { id: UserId; email: string },
    { holder, ...options }: Reader,
  ): Promise<void> {
    const hash = holder === undefined ? undefined : holderHash(holder);
    const made = await tokens.mint(tx, 'verify-email', { userId, email, holder: hash });
    if (!made) return;
    const { token, code, minutes, expiresAt } = made;
    const values = { link: { path: '/verify-email', query: { token } }, minutes, ...(hash && { code }) } as const;
    await letters.toUser(tx, userId, 'verify-email', values, { ...options, until: expiresAt.toISOString() });
  }

  async function resend(call: TenantCall, userId: UserId, reader: Reader = {}): Promise<void> {
    const user = await users.get(call, userId);
    if (user.emailVerified) return;
    await throttle.takeRequest(call, 'verification', user.emailCanonical);
    await inTransaction(call, (tx) => send(tx, user, reader));
  }

  return {
    /**
     * Writes to a user's address, in the caller's transaction. The link and the code are good for a day, for exactly that
     * address. The caller limits how often.
     */
    send: (tx: TenantCall, user: { id: UserId; email: string }, reader: Reader = {}): Promise<void> =>
      send(tx, user, reader),

    /** The same, three times an hour at most; nothing for an address that is proven. @throws Failure `rate_limited`, `user_not_found` */
    resend,

    /** The same where no letter for this browser is on its way already; one that is too many is not sent, and nobody fails. */
    async offer(call: TenantCall, userId: UserId, reader: Reader = {}): Promise<void> {
      const { holder } = reader;
      const hash = holder === undefined ? null : holderHash(holder);
      if (await inTransaction(call, (tx) => tokens.isWaiting(tx, 'verify-email', userId, hash))) return;
      await resend(call, userId, reader).catch((error: unknown) => {
        if (!(error instanceof Failure) || error.code !== 'rate_limited') throw error;
      });
    },

    /** The address that a link would verify, as long as it is good. To look uses nothing up. */
    find: async (call: TenantCall, token: string): Promise<{ email: string } | undefined> =>
      tokens.find(call, 'verify-email', token),

    /**
     * Takes a link's token for the proof. The tenant may be left out: the token knows it.
     *
     * @throws Failure `token_invalid`; a second call meets it too
     */
    async confirm(call: OperatorCall & { tenantId?: TenantId | undefined }, token: string): Promise<void> {
      const tenantId = call.tenantId ?? (await tokens.tenantOf(call, token));
      if (tenantId === undefined) throw new Failure('token_invalid');
      const there: TenantCall = { ...call, tenantId };
      const found = await tokens.find(there, 'verify-email', token);
      if (!found) throw new Failure('token_invalid');
      await inTransaction(there, (tx) => finish(tx, found));
    },

    /**
     * The same by the code of the letter, on the browser that asked for it; five tries.
     *
     * @throws Failure `token_invalid`; `rate_limited` after too many codes of one address
     */
    async confirmByCode(call: TenantCall, { holder, code }: { holder: string; code: string }): Promise<UserId> {
      if (call.db.isTransaction) throw new Error('a try that is rolled back is not counted');
      await throttle.takeTry(call);
      const typed = { holder, code: asciiDigits(code) };
      const found = await inTransaction(call, (tx) => tokens.findByCode(tx, 'verify-email', typed));
      if (!found) throw new Failure('token_invalid');
      await inTransaction(call, (tx) => finish(tx, found));
      return found.userId;
    },
  };
}

export type VerificationService = ReturnType<typeof createVerificationService>;
