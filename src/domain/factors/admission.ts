import type { TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { sha256 } from '../../kernel/secret.ts';
import type { SessionService } from '../sessions/session-service.ts';
import { allowsFactor, type Factor, type FactorKind, isWeaklyProven, type OwnKind, owesFactor } from './factor.ts';
import * as store from './factor-store.ts';
import { isChannel } from './sent-code.ts';

/**
 * In whose name factors are changed: a signed-in person in their session; one who is on the way in and must enrol their
 * first (`ticket`: what only that sign-in knows); or one whose sign-in is done and whose session is about to begin
 * (`proof`: what they have proven, `sign-in`: what only that sign-in has).
 */
export type Changer = { userId: UserId } & (
  | { sessionUid: string }
  | { ticket: string }
  | { proof: { amr: readonly string[]; authTime: Date }; signIn: string }
);

/** What a beginning is bound to, so that nobody else can finish it. */
export function holderOf(by: Changer): Buffer {
  if ('sessionUid' in by) return sha256(`session:${by.sessionUid}`);
  return sha256('ticket' in by ? `ticket:${by.ticket}` : `sign-in:${by.signIn}`);
}

/** Who was let at their factors. `isWeak`: the session's second factor was a code that was sent, and no stronger one. */
export type Admitted = { owner: store.Owner; has: Factor[]; isWeak: boolean };

/** Who may change which factors. */
export function createAdmission({ sessions }: { sessions: Pick<SessionService, 'proofOf'> }) {
  return {
    /**
     * Holds the person's row, and makes sure that whoever changes their factors is them: signed in lately, and with a
     * second factor if they had one then. On the way in only the first factor can be enrolled.
     *
     * @throws Failure `reauthentication_required`, `user_not_found`; `challenge_ended` for a ticket whose holder has a
     *   factor meanwhile
     */
    async admit(tx: TenantCall, by: Changer): Promise<Admitted> {
      const owner = await store.lockOwner(tx, by.userId);
      if (!owner) throw new Failure('user_not_found', { userId: by.userId });
      const has = await store.listActive(tx, by.userId);
      if ('ticket' in by) {
        if (has.some(({ kind }) => owner.mfa.allowedFactors.includes(kind))) throw new Failure('challenge_ended');
        return { owner, has, isWeak: false };
      }
      const proof = 'proof' in by ? by.proof : await sessions.proofOf(tx, by.sessionUid);
      const age = proof ? tx.now.getTime() - proof.authTime.getTime() : Number.POSITIVE_INFINITY;
      if (!proof || age > LIMITS.recentProofSeconds * 1000 || owesFactor(proof, has))
        throw new Failure('reauthentication_required');
      return { owner, has, isWeak: isWeaklyProven(proof.amr) };
    },

    /**
     * What is strong goes, is replaced, or gets company only by the word of what is as strong.
     *
     * @param kind where only factors of this kind are touched
     * @throws Failure `reauthentication_required`, with `stronger`: a login with the same factor is not enough
     */
    assertAsStrong({ has, isWeak }: Pick<Admitted, 'has' | 'isWeak'>, kind?: OwnKind): void {
      const isTouched = (factor: Factor) => !isChannel(factor.kind) && (kind === undefined || factor.kind === kind);
      if (isWeak && has.some(isTouched)) throw new Failure('reauthentication_required', { stronger: true });
    },

    /** @throws Failure `factor_not_allowed` */
    assertAllowed({ mfa }: store.Owner, kind: FactorKind): void {
      if (!allowsFactor(mfa, kind)) throw new Failure('factor_not_allowed', { kind });
    },
  };
}
