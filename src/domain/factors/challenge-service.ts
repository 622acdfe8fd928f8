import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type ChallengeId, newId, type TenantId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { sha256 } from '../../kernel/secret.ts';
import type { AuditService } from '../audit/audit-service.ts';
import * as store from './challenge-store.ts';
import type { CodeThrottle } from './code-throttle.ts';
import { AMR_OF_CODE, amrWith, type CodeKind, type FactorKind } from './factor.ts';
import type { FactorService } from './factor-service.ts';
import type { PasskeyService } from './passkey-service.ts';
import type { Channel } from './sent-code.ts';
import type { SentFactorService } from './sent-factor-service.ts';
import type { PublicKeyCredentialRequestOptionsJSON, Site } from './webauthn.ts';

export type ChallengeDeps = {
  factors: Pick<FactorService, 'useTotp' | 'useBackupCode'>;
  passkeys: Pick<PasskeyService, 'factorOptions' | 'useAsFactor'>;
  sentFactors: Pick<SentFactorService, 'send' | 'use' | 'sendingOf'>;
  throttle: CodeThrottle;
  audit: Pick<AuditService, 'record' | 'recordRefusal'>;
  /** Hears of a challenge that wrong codes have ended: somebody knows the password. */
  notices: { wrongCodes(call: TenantCall, userId: UserId): Promise<void> };
};

/** A question to be put: to whom, by what it may be answered, and what was proven before. */
export type Question = {
  purpose: 'sign-in' | 'step-up';
  userId: UserId;
  factors: readonly FactorKind[];
  amr: readonly string[];
  authTime: Date;
  /** What only this browser has: the interaction it is in. Undefined for a program, which is known by its name. */
  browser: string | undefined;
};

/** Which question is meant, on which browser. */
export type Asked = { challengeId: ChallengeId; browser: string | undefined };

/** A code, or what a passkey has signed (`AuthenticationResponseJSON`, as it came) on which site. */
export type Answer = Asked & Proof;
type Proof = { factor: CodeKind; code: string } | { factor: 'webauthn'; assertion: unknown; site: Site };

/** What an answered challenge has proven, with what was proven before it. */
export type Proven = { userId: UserId; purpose: Question['purpose']; amr: string[]; authTime: Date };

/** How a challenge knows its browser again. A page's cannot be answered by a program, nor the other way round. */
export const holderOf = ({ origin }: OperatorCall, browser: string | undefined): Buffer =>
  sha256(browser === undefined ? `program:${origin?.userAgent ?? ''}` : `page:${browser}`);

/** The open questions of sign-ins: each is for one person on one browser, has five tries, and is answered once. */
export function createChallengeService({ factors, passkeys, sentFactors, throttle, audit, notices }: ChallengeDeps) {
  /** How a right proof is named (RFC 8176); undefined for one that is none. */
  async function prove(tx: TenantCall, userId: UserId, answer: Answer): Promise<readonly string[] | undefined> {
    if (answer.factor === 'webauthn') return passkeys.useAsFactor(tx, userId, answer);
    return (await isRight(tx, userId, answer)) ? AMR_OF_CODE[answer.factor] : undefined;
  }

  async function isRight(
    tx: TenantCall,
    userId: UserId,
    { challengeId, factor, code }: Asked & { factor: CodeKind; code: string },
  ): Promise<boolean> {
    if (factor === 'totp') return factors.useTotp(tx, userId, code);
    if (factor === 'backup_code') return factors.useBackupCode(tx, userId, code);
    return sentFactors.use(tx, userId, { challengeId, channel: factor, code });
  }

  const keyOf = (call: TenantCall, { challengeId, browser }: Asked): store.Key => ({
    id: challengeId,
    holder: holderOf(call, browser),
  });

  const findOpen = (call: TenantCall, asked: Asked): Promise<store.Challenge | undefined> =>
    inTransaction(call, (tx) => store.findOpen(tx, keyOf(call, asked), LIMITS.challengeTries));

  async function refuse(
    call: TenantCall,
    { userId, tries }: store.Challenge,
    factor: FactorKind,
    failure: Failure,
  ): Promise<never> {
    await audit.recordRefusal(call, 'factor.refused', {
      target: `user:${userId}`,
      details: { factor, reason: failure.code, tries },
    });
    throw failure;
  }

  return {
    /** The tenant in which a challenge was put, for a caller who names none. */
    tenantOf: (call: OperatorCall, id: ChallengeId): Promise<TenantId | undefined> => store.tenantOf(call, id),

    /** Puts a question. It is open for ten minutes. */
    async put(call: TenantCall, { browser, ...question }: Question): Promise<ChallengeId> {
      const id = newId<ChallengeId>();
      const expiresAt = new Date(call.now.getTime() + LIMITS.challengeSeconds * 1000);
      await inTransaction(call, (tx) => store.add(tx, { ...question, id, holder: holderOf(call, browser), expiresAt }));
      return id;
    },

    /** Whether a challenge can still be answered on this browser. */
    isOpen: async (call: TenantCall, asked: Asked): Promise<boolean> => (await findOpen(call, asked)) !== undefined,

    /**
     * What a browser is asked for, so that a challenge can be answered by a passkey. Writes nothing.
     *
     * @throws Failure `challenge_ended`, `factor_not_allowed`
     */
    async webauthnOptions(call: TenantCall, asked: Asked, site: Site): Promise<PublicKeyCredentialRequestOptionsJSON> {
      const challenge = await findOpen(call, asked);
      if (!challenge) throw new Failure('challenge_ended');
      if (!challenge.factors.includes('webauthn')) throw new Failure('factor_not_allowed', { factor: 'webauthn' });
      return passkeys.factorOptions(call, { challengeId: challenge.id, userId: challenge.userId, site });
    },

    /**
     * Sends a code to the person of a challenge that is open on this browser. The latest one counts, for this challenge
     * alone. Takes no try.
     *
     * @returns where it went, in part
     * @throws Failure `challenge_ended`, `factor_not_allowed`, `rate_limited`
     */
    async send(
      call: TenantCall,
      { factor, languages, ...asked }: Asked & { factor: Channel; languages?: readonly string[] | undefined },
    ): Promise<{ sentTo: string }> {
      const challenge = await findOpen(call, asked);
      if (!challenge) throw new Failure('challenge_ended');
      if (!challenge.factors.includes(factor))
        return refuse(call, challenge, factor, new Failure('factor_not_allowed', { factor }));
      const { id: challengeId, userId } = challenge;
      return sentFactors.send(call, { challengeId, userId, channel: factor, languages });
    },

    /** Where codes for the person of a challenge go to, in part, and by which channel its live one went. */
    sendingOf: sentFactors.sendingOf,

    /**
     * Looks at a code or a passkey. The try is counted before, for the challenge and for the account, and stays counted whatever
     * becomes of the request; so a call within a transaction is a mistake of ours, and throws.
     *
     * @param then what follows from a right answer, in the transaction that uses code and challenge up
     * @throws Failure `factor_wrong`; `challenge_ended` for one that is answered, too old, tried five times, or another
     *   browser's; `factor_not_allowed`; `rate_limited` after too many wrong codes of the account
     */
    async answer<T>(
      call: TenantCall,
      answer: Answer,
      then: (tx: TenantCall, proven: Proven) => Promise<T>,
    ): Promise<T> {
      if (call.db.isTransaction) throw new Error('a try that is rolled back is not counted');
      const { factor } = answer;
      const challenge = await inTransaction(call, (tx) =>
        store.takeTry(tx, keyOf(call, answer), LIMITS.challengeTries),
      );
      if (!challenge) throw new Failure('challenge_ended');
      const { userId, purpose } = challenge;
      if (!challenge.factors.includes(factor))
        return refuse(call, challenge, factor, new Failure('factor_not_allowed', { factor }));
      const giveBack = await reserve(call, userId, challenge, factor);
      const outcome = await inTransaction(call, async (tx) => {
        const proof = await prove(tx, userId, answer);
        if (!proof) return undefined;
        // Two right codes at once open one door.
        if (!(await store.consume(tx, challenge.id))) throw new Failure('challenge_ended');
        const amr = amrWith(challenge.amr, proof);
        return { value: await then(tx, { userId, purpose, amr, authTime: challenge.authTime }) };
      });
      if (!outcome && challenge.tries === LIMITS.challengeTries) await notices.wrongCodes(call, userId);
      if (!outcome) return refuse(call, challenge, factor, new Failure('factor_wrong'));
      await giveBack();
      return outcome.value;
    },
  };

  /** Counts a guess for the account. A backup code or a passkey cannot be guessed, and lets the owner in meanwhile. */
  async function reserve(
    call: TenantCall,
    userId: UserId,
    challenge: store.Challenge,
    factor: Answer['factor'],
  ): Promise<() => Promise<void>> {
    if (factor === 'backup_code' || factor === 'webauthn') return async () => {};
    return throttle.reserve(call, userId).catch((error: unknown) => {
      if (error instanceof Failure) return refuse(call, challenge, factor, error);
      throw error;
    });
  }
}

export type ChallengeService = ReturnType<typeof createChallengeService>;
