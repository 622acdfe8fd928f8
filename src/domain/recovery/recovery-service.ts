import { inTransaction, type OperatorCall, type Origin, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type EmailTokenId, newId, type TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { seal, unseal } from '../../kernel/secret.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { asciiDigits } from '../factors/code-text.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { PasswordService } from '../passwords/password-service.ts';
import { assertPassword } from '../passwords/password-text.ts';
import type { SessionService } from '../sessions/session-service.ts';
import { nameOf, readIdentifier } from '../sign-in/identifier.ts';
import type { Throttle } from '../sign-in/throttle.ts';
import { type EmailToken, holderHash } from './email-token.ts';
import type { EmailTokenService } from './email-token-service.ts';
import * as store from './recovery-store.ts';
import type { RecoveryThrottle } from './recovery-throttle.ts';

export type RecoveryDeps = {
  tokens: EmailTokenService;
  letters: LetterService;
  passwords: Pick<PasswordService, 'prepare' | 'set'>;
  sessions: Pick<SessionService, 'endAll'>;
  /** The counters of sign-in: whoever has proven to own the account may try again at once. */
  signInThrottle: Pick<Throttle, 'deviceOf' | 'forgive'>;
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

/** Where the browser that sets a new password comes from. */
type Browser = { deviceCookie?: string | undefined };

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
  const { tokens, letters, passwords, sessions, signInThrottle, throttle, keys, audit, platformTenant } = deps;
  const place = (tenantId: string, id: string) => `${tenantId}/outbox/recovery/${id}`;

  /** Writes to one owner of the address, in the owner's tenant. */
  async function write(call: TenantCall, id: EmailTokenId, wish: Wish, { userId, email }: store.Owner): Promise<void> {
    await inTransaction(call, async (tx) => {
      const holder = wish.holder === undefined ? undefined : Buffer.from(wish.holder, 'base64url');
      const made = await tokens.mint(tx, 'password-reset', { id, userId, email, holder });
      // Made before: the node died between the letter and the row's mark.
      if (!made) return;
      await audit.record(tx, 'recovery.requested', { target: `user:${userId}` });
      const { token, code, minutes, expiresAt } = made;
      const link = { path: '/recovery/confirm', query: { token } } as const;
      const values = { link, minutes, ...(holder && { code }) };
      await letters.toUser(tx, userId, 'password-reset', values, {
        languages: wish.languages,
        base: wish.base,
        until: expiresAt.toISOString(),
      });
    });
  }

  /** Uses the token up and sets the password, both or neither. */
  async function finish(call: TenantCall, token: EmailToken, password: string, browser: Browser): Promise<void> {
    const { id, userId } = token;
    const ready = await passwords.prepare(call, userId, password);
    await inTransaction(call, async (tx) => {
      if (!(await tokens.consume(tx, 'password-reset', id))) throw new Failure('token_invalid');
      await passwords.set(tx, userId, ready);
      await sessions.endAll(tx, userId, 'password_changed');
      await tokens.forget(tx, 'password-reset', userId);
      await audit.record(tx, 'password.reset', { target: `user:${userId}` });
      await letters.toUser(tx, userId, 'password-changed', { at: tx.now.toISOString(), ip: tx.origin?.ip });
    });
    await signInThrottle.forgive(call, userId, await signInThrottle.deviceOf(call, browser.deviceCookie, userId));
  }

  return {
    /**
     * Takes a wish for a letter. The answer and the work are the same for everybody; one row is written.
     *
     * @param call without a tenant, all accounts of the address are written to, five at most
     * @throws Failure `rate_limited`; `invalid_input` for what is not well-formed text
     */
    async request(call: OperatorCall & { tenantId?: TenantId | undefined }, request: RecoveryRequest): Promise<void> {
      const identifier = readIdentifier(request.identifier);
      const scope = 'email' in identifier ? '' : (call.tenantId ?? '');
      await throttle.takeRequest(call, `${scope}:${nameOf(identifier)}`);
      const { holder, languages = [], base } = request;
      const wish: Wish = {
        identifier: 'neither' in identifier ? {} : identifier,
        anywhere: call.tenantId === undefined,
        holder: holder === undefined ? undefined : holderHash(holder).toString('base64url'),
        languages,
        base,
        origin: call.origin,
      };
      const home: TenantCall = { ...call, tenantId: call.tenantId ?? (await platformTenant(call)) };
      const id = newId();
      const key = await keys.keyFor(home, 'seal');
      const sealed = seal(key, place(home.tenantId, id), Buffer.from(JSON.stringify(wish)));
      await inTransaction(home, (tx) => store.addWish(tx, id, sealed));
    },

    /** Carries a wish out: writes to whoever it is about, or to nobody. A second call with the same row writes nothing. */
    async carryOut(call: TenantCall, { id, payload, createdAt }: WishRow): Promise<void> {
      if (call.now.getTime() - createdAt.getTime() > LIMITS.recoverySeconds * 1000) return;
      const key = await keys.keyFor(call, 'seal');
      const sealed = Buffer.from(String(payload['sealed']), 'base64url');
      const wish = JSON.parse(unseal(key, place(call.tenantId, id), sealed).toString()) as Wish;
      const { email, username } = wish.identifier;
      if (email === undefined && username === undefined) return;
      const owners = wish.anywhere
        ? await store.findOwnersAnywhere(call, email ?? null, LIMITS.recoveryAccounts)
        : await store.findOwner(call, { email: email ?? null, username: username ?? null });
      const asked = { ...call, ...(wish.origin && { origin: wish.origin }) };
      for (const owner of owners) await write({ ...asked, tenantId: owner.tenantId }, id as EmailTokenId, wish, owner);
    },

    /** Whether a link would still set a password. To look uses nothing up. */
    isOpen: async (call: TenantCall, token: string): Promise<boolean> =>
      (await tokens.find(call, 'password-reset', token)) !== undefined,

    /**
     * Sets a new password by the link of a letter. The tenant may be left out: the token knows it.
     *
     * @throws Failure `token_invalid` for one that is unknown, used, too old, or overtaken by another password or
     *   address; what `passwords.prepare` throws: the token is then still good
     */
    async resetByLink(
      call: OperatorCall & { tenantId?: TenantId | undefined },
      { token, password, ...browser }: { token: string; password: string } & Browser,
    ): Promise<void> {
      assertPassword(password, 'newPassword');
      const tenantId = call.tenantId ?? (await tokens.tenantOf(call, token));
      if (tenantId === undefined) throw new Failure('token_invalid');
      const there: TenantCall = { ...call, tenantId };
      const found = await tokens.find(there, 'password-reset', token);
      if (!found) throw new Failure('token_invalid');
      await finish(there, found, password, browser);
    },

    /**
     * The same by the code of a letter, on the browser that asked for it. Five wrong codes end the letter; where none was
     * sent, a wrong code costs the same statements.
     *
     * @throws Failure what `resetByLink` throws; `rate_limited` after too many codes of one address
     */
    async resetByCode(
      call: TenantCall,
      { holder, code, password, ...browser }: { holder: string; code: string; password: string } & Browser,
    ): Promise<void> {
      if (call.db.isTransaction) throw new Error('a try that is rolled back is not counted');
      assertPassword(password, 'newPassword');
      await throttle.takeTry(call);
      const found = await inTransaction(call, async (tx) => {
        const token = await tokens.findByCode(tx, 'password-reset', { holder, code: asciiDigits(code) });
        if (token) await tokens.giveTryBack(tx, token.id);
        else await audit.record(tx, 'recovery.refused', { details: { reason: 'wrong_credentials' } });
        return token;
      });
      if (!found) throw new Failure('token_invalid');
      await finish(call, found, password, browser);
    },
  };
}

export type RecoveryService = ReturnType<typeof createRecoveryService>;
