import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { ChallengeId, TenantId, UserId } from '../../kernel/ids.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { holderOf } from '../factors/challenge-service.ts';
import { allowsFactor } from '../factors/factor.ts';
import type { PasskeyService, Shown } from '../factors/passkey-service.ts';
import type { PublicKeyCredentialRequestOptionsJSON, Site } from '../factors/webauthn.ts';
import type { Browser, Outcome, Progress, SignInEnd } from './progress.ts';
import * as store from './sign-in-store.ts';
import { nextStep } from './steps.ts';
import type { Throttle } from './throttle.ts';

export type PasskeySignInDeps = {
  progress: Progress;
  passkeys: Pick<PasskeyService, 'signInOptions' | 'show' | 'use'>;
  throttle: Pick<Throttle, 'reserveAddress'>;
  audit: Pick<AuditService, 'recordRefusal'>;
  /** The tenant that makes the challenges of, and keeps the trail of, sign-ins that name no tenant. */
  platformTenant(call: OperatorCall): Promise<TenantId>;
  onEnd: (end: SignInEnd) => void;
};

/** A call at a tenant, or at whichever the passkey belongs to. */
type Call = OperatorCall & { tenantId?: TenantId | undefined };

/** A passkey in the place of name and password: the same end as any other way in. */
export function createPasskeySignIn(deps: PasskeySignInDeps) {
  const { progress, passkeys, throttle, audit, platformTenant, onEnd } = deps;

  const tenantCallOf = async (call: Call): Promise<TenantCall> => ({
    ...call,
    tenantId: call.tenantId ?? (await platformTenant(call)),
  });

  /**
   * Nothing was proven. It is counted for the address, and only for it: there is nothing to guess, and who holds the
   * passkey is never kept out by others.
   */
  async function refuse(call: TenantCall, reason: string, userId?: UserId): Promise<never> {
    onEnd('failure');
    await throttle.reserveAddress(call);
    await audit.recordRefusal(call, 'sign_in.refused', {
      ...(userId && { target: `user:${userId}` }),
      details: { reason, by: 'passkey' },
    });
    throw new Failure('passkey_refused', { reason });
  }

  /** The account that a passkey opens. */
  async function accountOf(call: TenantCall, { userId }: Shown) {
    const found = await store.findById(call, userId);
    const { account, tenant } = found ?? {};
    if (!account || !tenant) return refuse(call, 'unknown');
    if (account.status !== 'active') return refuse(call, account.status, userId);
    if (!allowsFactor(tenant.mfa, 'webauthn')) return refuse(call, 'factor_not_allowed', userId);
    return { account, tenant };
  }

  return {
    /** What a browser is asked for. The same for everybody: no account is looked at, and nothing is written. */
    async passkeyOptions(
      call: Call,
      { site, browser }: { site: Site; browser?: string | undefined },
    ): Promise<{ id: ChallengeId; options: PublicKeyCredentialRequestOptionsJSON }> {
      return passkeys.signInOptions(await tenantCallOf(call), { holder: holderOf(call, browser), site });
    },

    /**
     * Signs in by a passkey: at the call's tenant, or, where it names none, at the passkey's own. It counts as two factors.
     *
     * @param given.assertion   `AuthenticationResponseJSON`, as it came
     * @param given.challengeId the name of the challenge, where the caller knows it
     * @throws Failure `passkey_refused`; `challenge_ended` for an answer that is late or was given before, or is another
     *   browser's; `rate_limited` after too many refusals of the address; `invalid_input`
     */
    async withPasskey(
      call: Call,
      given: Browser & { site: Site; assertion: unknown; challengeId?: ChallengeId },
    ): Promise<Outcome> {
      const { site, assertion, challengeId, ...browser } = given;
      const asked = await tenantCallOf(call);
      const holder = holderOf(call, browser.browser);
      const isAnywhere = call.tenantId === undefined;
      const shown = await passkeys
        .show(asked, { holder, site, assertion, isAnywhere, challengeId })
        .catch((error: unknown) => {
          if (!(error instanceof Failure) || error.code !== 'passkey_refused') throw error;
          const { reason, userId, tenantId = asked.tenantId } = error.details;
          return refuse({ ...asked, tenantId: tenantId as TenantId }, String(reason), userId as UserId | undefined);
        });
      const there: TenantCall = { ...asked, tenantId: shown.tenantId };
      const found = await accountOf(there, shown);
      const standing = await progress.standingOf(there, found, { amr: shown.amr, authTime: call.now }, browser);
      const verdict = await inTransaction(there, async (tx) => {
        const judged = await passkeys.use(tx, shown);
        if (judged === 'right' && !nextStep(standing)) await progress.enter(tx, standing, browser);
        return judged;
      });
      if (verdict === 'used') throw new Failure('challenge_ended');
      if (verdict === 'copied') return refuse(there, 'copied_passkey', shown.userId);
      return progress.outcomeOf(there, standing, browser);
    },
  };
}
