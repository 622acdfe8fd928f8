import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { type EmailTokenId, newId, type TenantId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { equalSecrets, randomToken, sha256 } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { codeHash, type EmailPurpose, type EmailToken, holderHash, LIFE, newCode } from './email-token.ts';
import * as store from './email-token-store.ts';

/** What goes into a letter; it is kept nowhere else. */
export type MintedToken = { token: string; code: string; minutes: number; expiresAt: Date };

/** What a token is about: whose it is, or will be, and the address to which its letter goes. */
export type About<P extends EmailPurpose = EmailPurpose> = {
  email: string;
  /** Makes a repetition harmless: a second token of the id is not made. */
  id?: EmailTokenId;
  /** What only the browser that asks has; without it the code opens nothing. */
  holder?: Buffer | undefined;
} & (P extends 'register'
  ? { emailCanonical: string; sealed: Buffer }
  : { userId: UserId } & (P extends 'change-email'
      ? { emailCanonical: string; replaces: string; sessionUid: string }
      : object));

const NOTHING = { userId: null, emailCanonical: null, replaces: null, sessionUid: null, sealed: null };

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
     * @param seconds how long it is good for; as long as the purpose says unless told
     * @returns undefined when this token was made before
     */
    async mint<P extends EmailPurpose>(
      tx: TenantCall,
      purpose: P,
      about: About<P>,
      seconds: number = LIFE[purpose],
    ): Promise<MintedToken | undefined> {
      const { id = newId<EmailTokenId>(), holder = null, ...facts } = about;
      const [token, code] = [randomToken(), newCode()];
      const expiresAt = new Date(tx.now.getTime() + seconds * 1000);
      const key = await keys.keyFor(tx, 'email-code');
      const proofs = { hash: sha256(token), code: codeHash(key, id, code) };
      const isNew = await store.add(tx, { ...NOTHING, ...facts, ...proofs, id, purpose, holder, expiresAt });
      return isNew ? { token, code, minutes: seconds / 60, expiresAt } : undefined;
    },

    /** The tenant in which a link's token was made, for a caller who names none. */
    tenantOf: async (call: OperatorCall, token: string): Promise<TenantId | undefined> =>
      token.length > LIMITS.emailTokenChars ? undefined : store.tenantOf(call, sha256(token)),

    /** The live token of a link. To look at it uses nothing up. */
    find: async <P extends EmailPurpose>(
      call: TenantCall,
      purpose: P,
      token: string,
    ): Promise<EmailToken<P> | undefined> =>
      token.length > LIMITS.emailTokenChars
        ? undefined
        : inTransaction(call, (tx) => store.findByHash(tx, purpose, sha256(token))),

    /**
     * The live token of a code. Every call takes a try of what this browser asked for, in the caller's transaction,
     * which must be kept; `giveTryBack` where the code was right and is not used up now.
     */
    async findByCode<P extends EmailPurpose>(
      tx: TenantCall,
      purpose: P,
      { holder, code }: { holder: string; code: string },
    ): Promise<EmailToken<P> | undefined> {
      const key = await keys.keyFor(tx, 'email-code');
      const limits = { tries: LIMITS.emailCodeTries, latest: LIMITS.emailCodesOfBrowser };
      const open = await store.takeTries(tx, purpose, holderHash(holder), limits);
      return open.find(({ id, code: hash }) => equalSecrets(codeHash(key, id, code), hash));
    },

    /** Takes one of the five tries of a token that was found by its link; false: there is none left. */
    takeTry: (tx: TenantCall, id: EmailTokenId): Promise<boolean> => store.takeTry(tx, id, LIMITS.emailCodeTries),
    giveTryBack: store.giveTryBack,

    /** What a browser last asked for about an address, whether it can still be used or not. */
    findLatest: (
      tx: TenantCall,
      { holder, ...about }: { purpose: EmailPurpose; holder: Buffer; emailCanonical: string },
    ) => store.findLatest(tx, { ...about, holder }),

    /** Whether a live token of a user is on its way, for this browser (null: for none in particular). */
    isWaiting: store.isWaiting,

    /** Uses a token up, in the transaction of what it opens; undefined for one that is not alive any more. */
    consume: store.consume,

    /** Voids what else is open of a user for a purpose. */
    forget: store.forget,

    /** Removes what nobody has used in its time. It may run twice at once. @returns how many went */
    async removeDead(call: OperatorCall): Promise<number> {
      for (let total = 0; ; ) {
        const gone = await store.removeDead(call, LIMITS.expiryBatchRows);
        total += gone;
        if (gone < LIMITS.expiryBatchRows) return total;
      }
    },
  };
}

export type EmailTokenService = ReturnType<typeof createEmailTokenService>;
