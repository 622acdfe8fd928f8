import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { type EmailTokenId, newId, type TenantId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { equalSecrets, randomToken, sha256 } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { codeHash, type EmailPurpose, type EmailToken, holderHash, LIFE, newCode } from './email-token.ts';
import * as store from './email-token-store.ts';

/** What goes into a letter; it is kept nowhere else. */
export type MintedToken = { token: string; code: string; minutes: number; expiresAt: Date };

/**
 * Proofs that travel by letter: a link with 256 random bits, and a code of eight digits for when the link does not work.
 * A link works on any browser, a code only on the one that asked, and five times at most. Each is good once: `consume` is
 * one conditional delete. Both die with the address they were sent to.
 */
export function createEmailTokenService({ keys }: { keys: Pick<TenantKeyService, 'keyFor'> }) {
  return {
    /**
     * Makes a token in the caller's transaction, for the letter that is queued in it.
     *
     * @param id     makes a repetition harmless: a second call with it makes nothing
     * @param holder what only the browser that asks has; without it the code opens nothing
     * @returns undefined when this token was made before
     */
    async mint(
      tx: TenantCall,
      purpose: EmailPurpose,
      about: { userId: UserId; email: string; id?: EmailTokenId; holder?: Buffer | undefined },
    ): Promise<MintedToken | undefined> {
      const { userId, email, id = newId<EmailTokenId>(), holder = null } = about;
      const [token, code] = [randomToken(), newCode()];
      const expiresAt = new Date(tx.now.getTime() + LIFE[purpose] * 1000);
      const key = await keys.keyFor(tx, 'email-code');
      const row = { id, userId, email, purpose, holder, expiresAt, hash: sha256(token), code: codeHash(key, id, code) };
      return (await store.add(tx, row)) ? { token, code, minutes: LIFE[purpose] / 60, expiresAt } : undefined;
    },

    /** The tenant in which a link's token was made, for a caller who names none. */
    tenantOf: async (call: OperatorCall, token: string): Promise<TenantId | undefined> =>
      token.length > LIMITS.emailTokenChars ? undefined : store.tenantOf(call, sha256(token)),

    /** The live token of a link. To look at it uses nothing up. */
    find: async (call: TenantCall, purpose: EmailPurpose, token: string): Promise<EmailToken | undefined> =>
      token.length > LIMITS.emailTokenChars
        ? undefined
        : inTransaction(call, (tx) => store.findByHash(tx, purpose, sha256(token))),

    /**
     * The live token of a code. Every call takes a try of what this browser asked for, in the caller's transaction,
     * which must be kept; `giveTryBack` where the code was right and is not used up now.
     */
    async findByCode(
      tx: TenantCall,
      purpose: EmailPurpose,
      { holder, code }: { holder: string; code: string },
    ): Promise<EmailToken | undefined> {
      const key = await keys.keyFor(tx, 'email-code');
      const open = await store.takeTries(tx, purpose, holderHash(holder), LIMITS.emailCodeTries);
      return open.find(({ id, code: hash }) => equalSecrets(codeHash(key, id, code), hash));
    },

    giveTryBack: store.giveTryBack,

    /** Uses a token up, in the transaction of what it opens; undefined for one that is not alive any more. */
    consume: store.consume,

    /** Voids what else is open of a user for a purpose. */
    forget: store.forget,
  };
}

export type EmailTokenService = ReturnType<typeof createEmailTokenService>;
