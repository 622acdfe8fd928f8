import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type ChallengeId, newId, type TenantId, type UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { sha256 } from '../../kernel/secret.ts';
import type { AuditService } from '../audit/audit-service.ts';
import * as store from './challenge-store.ts';
import type { CodeThrottle } from './code-throttle.ts';
import { amrWith, type FactorKind } from './factor.ts';
import type { FactorService } from './factor-service.ts';

export type ChallengeDeps = {
  factors: Pick<FactorService, 'useTotp' | 'useBackupCode'>;
  throttle: CodeThrottle;
  audit: Pick<AuditService, 'record' | 'recordRefusal'>;
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

export type Answer = {
  challengeId: ChallengeId;
  browser: string | undefined;
  /** Which kind of code it is. */
  factor: 'totp' | 'backup_code';
  code: string;
};

/** What an answered challenge has proven, with what was proven before it. */
export type Proven = { userId: UserId; purpose: Question['purpose']; amr: string[]; authTime: Date };

const PURPOSES = ['sign-in', 'step-up'] as const;

/** How a challenge knows its browser again. A page's cannot be answered by a program, nor the other way round. */
export const holderOf = ({ origin }: OperatorCall, browser: string | undefined): Buffer =>
  sha256(browser === undefined ? `program:${origin?.userAgent ?? ''}` : `page:${browser}`);

/** The open questions of sign-ins: each is for one person on one browser, has five tries, and is answered once. */
export function createChallengeService({ factors, throttle, audit }: ChallengeDeps) {
  const prove = {
    totp: factors.useTotp,
    backup_code: factors.useBackupCode,
  } satisfies Record<Answer['factor'], unknown>;

  const keyOf = (call: TenantCall, { challengeId, browser }: Pick<Answer, 'challengeId' | 'browser'>): store.Key => ({
    id: challengeId,
    holder: holderOf(call, browser),
    purposes: PURPOSES,
  });

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
    isOpen: async (call: TenantCall, key: Pick<Answer, 'challengeId' | 'browser'>): Promise<boolean> =>
      (await inTransaction(call, (tx) => store.findOpen(tx, keyOf(call, key), LIMITS.challengeTries))) !== undefined,

    /**
     * Looks at a code. The try is counted before, for the challenge and for the account, and stays counted whatever
     * becomes of the request; so a call within a transaction is a mistake of ours, and throws.
     *
     * @param then what follows from a right code, in the transaction that uses code and challenge up
     * @throws Failure `factor_wrong`; `challenge_ended` for one that is answered, too old, tried five times, or another
     *   browser's; `factor_not_allowed`; `rate_limited` after too many wrong codes of the account
     */
    async answer<T>(
      call: TenantCall,
      answer: Answer,
      then: (tx: TenantCall, proven: Proven) => Promise<T>,
    ): Promise<T> {
      if (call.db.isTransaction) throw new Error('a try that is rolled back is not counted');
      const { factor, code } = answer;
      const challenge = await inTransaction(call, (tx) =>
        store.takeTry(tx, keyOf(call, answer), LIMITS.challengeTries),
      );
      const { userId, purpose } = challenge ?? {};
      if (!challenge || !userId || (purpose !== 'sign-in' && purpose !== 'step-up'))
        throw new Failure('challenge_ended');
      if (!challenge.factors.includes(factor))
        return refuse(call, challenge, factor, new Failure('factor_not_allowed', { factor }));
      const giveBack = factor === 'totp' ? await reserve(call, userId, challenge) : async () => {};
      const outcome = await inTransaction(call, async (tx) => {
        if (!(await prove[factor](tx, userId, code))) return undefined;
        // Two right codes at once open one door.
        if (!(await store.consume(tx, challenge.id))) throw new Failure('challenge_ended');
        const amr = amrWith(challenge.amr, ['otp']);
        return { value: await then(tx, { userId, purpose, amr, authTime: challenge.authTime }) };
      });
      if (!outcome) return refuse(call, challenge, factor, new Failure('factor_wrong'));
      await giveBack();
      return outcome.value;
    },
  };

  async function reserve(call: TenantCall, userId: UserId, challenge: store.Challenge): Promise<() => Promise<void>> {
    return throttle.reserve(call, userId).catch((error: unknown) => {
      if (error instanceof Failure) return refuse(call, challenge, 'totp', error);
      throw error;
    });
  }
}

export type ChallengeService = ReturnType<typeof createChallengeService>;
