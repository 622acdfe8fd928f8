import { inTransaction, type OperatorCall, type Origin, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type EmailTokenId, newId, type TenantId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { seal, unseal } from '../../kernel/secret.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { asciiDigits } from '../factors/code-text.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { PasswordService } from '../passwords/password-service.ts';
import { assertPassword } from '../passwords/password-text.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { DeviceCookies } from '../sign-in/device-cookie.ts';
import { nameOf, readIdentifier } from '../sign-in/identifier.ts';
import type { Throttle } from '../sign-in/throttle.ts';
import { assertChangeable, type User } from '../users/user.ts';
import type { UserService } from '../users/user-service.ts';
import { type EmailToken, holderHash } from './email-token.ts';
import type { EmailTokenService, MintedToken } from './email-token-service.ts';
import * as store from './recovery-store.ts';
import type { RecoveryThrottle } from './recovery-throttle.ts';

export type RecoveryDeps = {
  tokens: EmailTokenService;
  letters: LetterService;
  passwords: Pick<PasswordService, 'prepare' | 'set' | 'demandChange'>;
  users: Pick<UserService, 'get' | 'setVerified' | 'reactivate'>;
  sessions: Pick<SessionService, 'endAll'>;
  /** The counters of sign-in: whoever has proven to own the account may try again at once. */
  signInThrottle: Pick<Throttle, 'forgive'>;
  devices: Pick<DeviceCookies, 'remember' | 'deviceOf'>;
  throttle: RecoveryThrottle;
  keys: Pick<TenantKeyService, 'keyFor'>;
  audit: Pick<AuditService, 'record'>;
  /** The tenant that keeps the wishes of those who name none. */
  platformTenant(call: OperatorCall): Promise<TenantId>;
};

/** What a person asks for who has forgotten the password. */
export type RecoveryRequest = {
  /** An e-mail address or user name, as it was typed. */
  identifier: string;
  /** What only this browser has; the code of the letter works there. */
  holder?: string | undefined;
  /** What the person reads by the page they stand before. */
  languages?: readonly string[] | undefined;
  /** The issuer at which they are. */
  base?: string | undefined;
};

/** The browser that sets a new password: what it shows for earlier sign-ins. */
type Browser = { deviceCookie?: string | undefined };

/** Whose a letter is. */
type Owner = { userId: UserId; email: string };

/** Who has a new password. The browser is theirs from now on: strangers who guess do not keep them out on it. */
export type Recovered = { userId: UserId; deviceCookie: string };

type Wish = {
  identifier: { email?: string; username?: string };
  anywhere: boolean;
  holder: string | undefined;
  languages: readonly string[];
  base: string | undefined;
  origin: Origin | undefined;
};

/** A row of the outbox of kind `recovery`. */
export type WishRow = { id: string; payload: Record<string, unknown>; createdAt: Date };

/**
 * A forgotten password. Who asks learns nothing: a request counts, writes one sealed row, and is answered, whoever it is
 * about; a worker then looks whether there is somebody to write to. A new password ends every session, signs nobody in
 * and leaves second factors as they are.
 */
export function createRecoveryService(deps: RecoveryDeps) {
  const { tokens, letters, passwords, users, sessions, devices, signInThrottle, throttle, keys, audit } = deps;
  const place = (tenantId: string, id: string) => `${tenantId}/outbox/recovery/${id}`;

  /** Writes to one owner of the address, in the owner's tenant. */
  async function write(call: TenantCall, id: EmailTokenId, wish: Wish, { userId, email }: store.Owner): Promise<void> {
    await inTransaction(call, async (tx) => {
      const holder = wish.holder === undefined ? undefined : Buffer.from(wish.holder, 'base64url');
      const made = await tokens.mint(tx, 'password-reset', { id, userId, email, holder });
      // Made before: the node died between the letter and the row's mark.
      if (!made) return;
      await audit.record(tx, 'recovery.requested', { target: `user:${userId}` });
      await post(tx, userId, made, { languages: wish.languages, base: wish.base }, holder !== undefined);
    });
  }

  async function post(
    tx: TenantCall,
    userId: UserId,
    { token, code, minutes, expiresAt }: MintedToken,
    options: Pick<Wish, 'languages' | 'base'> | undefined,
    withCode: boolean,
  ): Promise<void> {
    const link = { path: '/recovery/confirm', query: { token } } as const;
    const values = { link, minutes, ...(withCode && { code }) };
    await letters.toUser(tx, userId, 'password-reset', values, { ...options, until: expiresAt.toISOString() });
  }

  /** A letter with which somebody sets their first password, and by that may sign in. */
  async function invite(tx: TenantCall, { id: userId, email }: Pick<User, 'id' | 'email'>): Promise<void> {
    const made = await tokens.mint(tx, 'password-reset', { userId, email }, LIMITS.invitationSeconds);
    const link = { path: '/recovery/confirm', query: { token: made!.token } } as const;
    const until = made!.expiresAt.toISOString();
    await audit.record(tx, 'user.invited', { target: `user:${userId}` });
    await letters.toUser(tx, userId, 'invite', { organisation: await store.tenantName(tx), link, until }, { until });
  }

  /** Uses the token up and sets the password, both or neither. Who reads the letters of an address has proven it, too. */
  async function finish(call: TenantCall, token: EmailToken, password: string, browser: Browser): Promise<Recovered> {
    const { id, userId } = token;
    const ready = await passwords.prepare(call, userId, password);
    await inTransaction(call, async (tx) => {
      // Two letters of one person come one after another, and the first makes the second void.
      await store.lockUser(tx, userId);
      if (!(await tokens.consume(tx, 'password-reset', id))) throw new Failure('token_invalid');
      await passwords.set(tx, userId, ready);
      const { status } = await users.setVerified(tx, userId, { email: true });
      if (status === 'pending') await users.reactivate(tx, userId);
      await sessions.endAll(tx, userId, 'password_changed');
      await tokens.forget(tx, 'password-reset', userId);
      await audit.record(tx, 'password.reset', { target: `user:${userId}` });
      await letters.toUser(tx, userId, 'password-changed', { at: tx.now.toISOString(), ip: tx.origin?.ip });
    });
    const deviceCookie = await devices.remember(call, browser.deviceCookie, userId);
    await signInThrottle.forgive(call, userId, await devices.deviceOf(call, deviceCookie, userId));
    return { userId, deviceCookie };
  }

  /** The token of a code that was typed. It is not used up, and a right code costs no try. */
  async function byCode(call: TenantCall, { holder, code }: { holder: string; code: string }): Promise<EmailToken> {
    if (call.db.isTransaction) throw new Error('a try that is rolled back is not counted');
    await throttle.takeTry(call);
    const found = await inTransaction(call, async (tx) => {
      const token = await tokens.findByCode(tx, 'password-reset', { holder, code: asciiDigits(code) });
      if (token) await tokens.giveTryBack(tx, token.id);
      else await audit.record(tx, 'recovery.refused', { details: { reason: 'wrong_credentials' } });
      return token;
    });
    if (!found) throw new Failure('token_invalid');
    return found;
  }

  return {
    /** Invites a pending user, in the caller's transaction: the link of the letter sets the password. */
    invite,

    /**
     * Takes a wish for a letter. The answer and the work are the same for everybody; one row is written.
     *
     * @param call without a tenant, all accounts of the address are written to, five at most
     * @throws Failure `rate_limited`; `invalid_input` for what is not well-formed text
     */
    async request(call: OperatorCall & { tenantId?: TenantId | undefined }, request: RecoveryRequest): Promise<void> {
      const identifier = readIdentifier(request.identifier);
      const scope = 'email' in identifier ? '' : (call.tenantId ?? '');
      await throttle.takeRequest(call, 'recovery', `${scope}:${nameOf(identifier)}`);
      const { holder, languages = [], base } = request;
      const wish: Wish = {
        identifier: 'neither' in identifier ? {} : identifier,
        anywhere: call.tenantId === undefined,
        holder: holder === undefined ? undefined : holderHash(holder).toString('base64url'),
        languages,
        base,
        origin: call.origin,
      };
      const home: TenantCall = { ...call, tenantId: call.tenantId ?? (await deps.platformTenant(call)) };
      const id = newId();
      const key = await keys.keyFor(home, 'seal');
      const sealed = seal(key, place(home.tenantId, id), Buffer.from(JSON.stringify(wish)));
      await inTransaction(home, (tx) => store.addWish(tx, id, sealed));
    },

    /** Carries a wish out: writes to whoever it is about, or to nobody. A second call with the same row writes nothing. */
    async carryOut(call: TenantCall, { id, payload, createdAt }: WishRow): Promise<void> {
      if (call.now.getTime() - createdAt.getTime() > LIMITS.recoverySeconds * 1000) return;
      const key = await keys.keyFor(call, 'seal');
      if (typeof payload['sealed'] !== 'string') return;
      const sealed = Buffer.from(payload['sealed'], 'base64url');
      const wish = JSON.parse(unseal(key, place(call.tenantId, id), sealed).toString()) as Wish;
      const { email, username } = wish.identifier;
      const isNobody = email === undefined && username === undefined;
      const find = () =>
        wish.anywhere
          ? store.findOwnersAnywhere(call, email ?? null, LIMITS.recoveryAccounts)
          : store.findOwner(call, { email: email ?? null, username: username ?? null });
      const owners = isNobody ? [] : await find();
      const asked = { ...call, ...(wish.origin && { origin: wish.origin }) };
      for (const owner of owners) await write({ ...asked, tenantId: owner.tenantId }, id as EmailTokenId, wish, owner);
      await inTransaction(call, (tx) => store.emptyWish(tx, id));
    },

    /**
     * Writes to a user on an administrator's word, who starts it and neither sees the link nor chooses the password. A
     * second call is a second letter; the first stays good. Who was invited and has not come yet is invited again.
     *
     * @throws Failure `user_not_found`, `user_deactivated`; `user_suspended` for one who could not use the link
     */
    async sendReset(call: TenantCall, userId: UserId): Promise<void> {
      await inTransaction(call, async (tx) => {
        const user = await users.get(tx, userId);
        assertChangeable(user);
        if (user.status === 'pending') return invite(tx, user);
        if (user.status !== 'active') throw new Failure('user_suspended', { userId });
        const made = await tokens.mint(tx, 'password-reset', { userId, email: user.email });
        await audit.record(tx, 'recovery.sent', { target: `user:${userId}` });
        await post(tx, userId, made!, undefined, false);
      });
    },

    /**
     * Demands another password of a user at their next sign-in; the present one opens that once. A second call changes
     * nothing, nor does the first where there is no password.
     *
     * @throws Failure `user_not_found`, `user_deactivated`
     */
    async mustChangePassword(call: TenantCall, userId: UserId): Promise<void> {
      await inTransaction(call, async (tx) => {
        assertChangeable(await users.get(tx, userId));
        await passwords.demandChange(tx, userId);
        await audit.record(tx, 'password.change_demanded', { target: `user:${userId}` });
      });
    },

    /** Whose password a link would set, as long as it is good. To look uses nothing up. */
    findByLink: async (call: TenantCall, token: string): Promise<Owner | undefined> =>
      tokens.find(call, 'password-reset', token),

    /**
     * The same for the code of a letter, on the browser that asked for it. Five wrong codes end the letter; where none
     * was sent, a wrong code costs the same statements. A right one uses nothing up.
     *
     * @throws Failure `token_invalid`; `rate_limited` after too many codes of one address
     */
    findByCode: (call: TenantCall, typed: { holder: string; code: string }): Promise<Owner> => byCode(call, typed),

    /**
     * Sets a new password by the link of a letter. The tenant may be left out: the token knows it.
     *
     * @throws Failure `token_invalid` for one that is unknown, used, too old, or overtaken by another password or
     *   address; what `passwords.prepare` throws: the token is then still good
     */
    async resetByLink(
      call: OperatorCall & { tenantId?: TenantId | undefined },
      { token, password, ...browser }: { token: string; password: string } & Browser,
    ): Promise<Recovered> {
      assertPassword(password, 'newPassword');
      const tenantId = call.tenantId ?? (await tokens.tenantOf(call, token));
      if (tenantId === undefined) throw new Failure('token_invalid');
      const there: TenantCall = { ...call, tenantId };
      const found = await tokens.find(there, 'password-reset', token);
      if (!found) throw new Failure('token_invalid');
      return finish(there, found, password, browser);
    },

    /** The same by the code of a letter. @throws Failure what `resetByLink` and `findByCode` throw */
    async resetByCode(
      call: TenantCall,
      { password, deviceCookie, ...typed }: { holder: string; code: string; password: string } & Browser,
    ): Promise<Recovered> {
      assertPassword(password, 'newPassword');
      return finish(call, await byCode(call, typed), password, { deviceCookie });
    },
  };
}

export type RecoveryService = ReturnType<typeof createRecoveryService>;
