import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { Answer, ChallengeService, Proven } from '../factors/challenge-service.ts';
import type { SecondFactor } from '../factors/factor.ts';
import type { FactorService } from '../factors/factor-service.ts';
import type { PasswordService } from '../passwords/password-service.ts';
import { assertPassword } from '../passwords/password-text.ts';
import type { TenantSettings } from '../tenants/settings.ts';
import type { DeviceCookies } from './device-cookie.ts';
import { openAccount } from './open-account.ts';
import type { Browser, Outcome, Progress, SignInEnd } from './progress.ts';
import { nextStep } from './steps.ts';

export type LaterStepsDeps = {
  progress: Progress;
  passwords: Pick<PasswordService, 'renew'>;
  devices: DeviceCookies;
  audit: Pick<AuditService, 'record'>;
  factors: Pick<FactorService, 'secondFactorOf' | 'rememberDevice'>;
  challenges: ChallengeService;
  onEnd: (end: SignInEnd) => void;
};

/** The steps of a sign-in after its first proof. Each takes up where an outcome has left off. */
export function createLaterSteps(deps: LaterStepsDeps) {
  const { progress, passwords, devices, audit, factors, challenges, onEnd } = deps;
  const { tickets, standingOf, enter, outcomeOf } = progress;

  /** The factor was right: who it is now, in the transaction that has used the code up. */
  async function afterFactor(tx: TenantCall, proven: Proven, given: Browser & { remember: boolean }) {
    const found = await openAccount(tx, proven.userId);
    const standing = await standingOf(tx, found, proven, given);
    const { userId } = proven;
    const days = found.tenant.mfa.rememberDeviceDays;
    let { deviceCookie } = given;
    if (given.remember && given.browser && days > 0) {
      deviceCookie = await devices.remember(tx, deviceCookie, userId);
      const deviceId = await devices.deviceOf(tx, deviceCookie, userId);
      if (deviceId) await factors.rememberDevice(tx, userId, deviceId, days);
    }
    if (proven.purpose === 'step-up') await audit.record(tx, 'sign_in.stepped_up', { target: `user:${userId}` });
    else if (!nextStep(standing)) await enter(tx, standing, given);
    return { standing, deviceCookie };
  }

  return {
    /**
     * Goes on after `factor-needed`, with a code.
     *
     * @param given.remember whether the person asked not to be asked again on this browser
     * @throws Failure what `challenges.answer` throws, and `sign_in_expired`
     */
    async withFactor(call: TenantCall, given: Answer & Browser & { remember?: boolean | undefined }): Promise<Outcome> {
      const { browser, deviceCookie: cookie, clientMfa } = given;
      const how = { browser, deviceCookie: cookie, clientMfa, remember: given.remember === true };
      try {
        const { standing, deviceCookie } = await challenges.answer(call, given, (tx, proven) =>
          afterFactor(tx, proven, how),
        );
        return await outcomeOf(call, standing, { ...how, deviceCookie });
      } catch (error) {
        if (error instanceof Failure) onEnd(error.code === 'rate_limited' ? 'locked' : 'failure');
        throw error;
      }
    },

    /** What the tenant asks of a signed-in person. With the browser's device cookie, one that was remembered is not asked. */
    async secondFactorOf(
      call: TenantCall,
      userId: UserId,
      mfa: TenantSettings['mfa'],
      deviceCookie?: string,
    ): Promise<SecondFactor> {
      return factors.secondFactorOf(call, userId, mfa, await devices.deviceOf(call, deviceCookie, userId));
    },

    /**
     * Asks a signed-in person for more than their session has proven: for their second factor, or for one to be
     * enrolled where the tenant or the application demands it.
     *
     * @param session what the session has proven; its `authTime` stays
     * @throws Failure `factor_not_allowed` where there is nothing to ask for, `sign_in_expired`
     */
    async stepUp(
      call: TenantCall,
      session: { userId: UserId; amr: readonly string[]; authTime: Date },
      browser: Browser,
    ): Promise<Outcome> {
      const found = await openAccount(call, session.userId);
      const standing = await standingOf(call, found, session, { clientMfa: browser.clientMfa });
      if (!standing.second.asked && !standing.second.mustEnrol) throw new Failure('factor_not_allowed');
      return outcomeOf(call, standing, browser, 'step-up');
    },

    /**
     * Goes on after `action-needed: new-password`. The ticket is good for one new password within ten minutes, which ends
     * the person's sessions of before.
     *
     * @param given.session the one that the browser has already, if it is the person's: it stays
     * @throws Failure `sign_in_expired`, and what `passwords.prepare` throws: the ticket is then still good
     */
    async withNewPassword(
      call: TenantCall,
      given: Browser & { ticket: string; password: string; session?: string | undefined },
    ): Promise<Outcome> {
      const { ticket: text, password, session, ...browser } = given;
      assertPassword(password);
      const ticket = await tickets.read(call, 'new-password', text);
      const login = ticket && { provenAt: ticket.authTime, session };
      if (!login || !(await passwords.renew(call, ticket.userId, ticket.isFor, password, login)))
        throw new Failure('sign_in_expired');
      const found = await openAccount(call, ticket.userId);
      const standing = await standingOf(call, found, ticket, browser);
      if (!nextStep(standing)) await inTransaction(call, (tx) => enter(tx, standing, browser));
      return outcomeOf(call, standing, browser);
    },
  };
}
