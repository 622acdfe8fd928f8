import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import type { Duties } from '../duties/duty.ts';
import type { DutyService } from '../duties/duty-service.ts';
import type { VerificationService } from '../recovery/verification-service.ts';
import type { TenantSettings } from '../tenants/settings.ts';
import type { TermsVersion } from '../tenants/terms.ts';
import { openAccount } from './open-account.ts';
import type { Browser, Outcome, Progress, Proofs } from './progress.ts';
import { nextStep, type Standing } from './steps.ts';
import type { Errand } from './ticket.ts';

export type DutyStepsDeps = {
  progress: Progress;
  duties: Pick<DutyService, 'of' | 'acceptTerms'>;
  verification: Pick<VerificationService, 'confirmByCode' | 'resend'>;
};

type Given = Browser & { ticket: string };

/** The steps of a sign-in that a tenant may demand: a proven e-mail address, and its terms; and two ways that lead to them. */
export function createDutySteps({ progress, duties, verification }: DutyStepsDeps) {
  const { tickets, standingOf, enter, outcomeOf } = progress;

  /** @throws Failure `sign_in_expired`, also where the password was changed since */
  async function ticketFor(call: TenantCall, errand: Errand, text: string) {
    const ticket = await tickets.read(call, errand, text);
    if (!ticket) throw new Failure('sign_in_expired');
    const found = await openAccount(call, ticket.userId);
    const { password } = found.account;
    if (password && !ticket.isFor(password)) throw new Failure('sign_in_expired');
    return { ...found, ticket };
  }

  /** Looks where the person stands now, and lets them in when nothing is left to do. */
  async function goOn(
    call: TenantCall,
    found: Pick<Standing, 'account' | 'tenant'>,
    proofs: Proofs,
    browser: Browser,
  ): Promise<Outcome> {
    const standing = await standingOf(call, found, proofs, browser);
    if (!nextStep(standing)) await enter(call, standing, browser);
    return outcomeOf(call, standing, browser);
  }

  return {
    /** What the tenant still asks of a signed-in person. No statement where it asks nothing of anybody. */
    dutiesOf: (call: TenantCall, userId: UserId, settings: TenantSettings): Promise<Duties> =>
      duties.of(call, userId, settings),

    /**
     * Asks a signed-in person for what their tenant has come to demand since their session began; its proofs stay.
     *
     * @throws Failure `sign_in_expired`
     */
    async catchUp(
      call: TenantCall,
      { userId, amr, authTime }: { userId: UserId; amr: readonly string[]; authTime: Date },
      browser: Browser,
    ): Promise<Outcome> {
      return goOn(call, await openAccount(call, userId), { amr, authTime, inSession: true }, browser);
    },

    /**
     * Goes on after `action-needed: verify-email`, with the code of the letter.
     *
     * @throws Failure `token_invalid`, `rate_limited`: the ticket is then still good; `sign_in_expired`
     */
    async withEmailCode(
      call: TenantCall,
      { ticket: text, code, ...browser }: Given & { code: string; browser: string },
    ): Promise<Outcome> {
      const { ticket, ...found } = await ticketFor(call, 'verify-email', text);
      const proven = await verification.confirmByCode(call, { holder: browser.browser, code });
      if (proven !== ticket.userId) throw new Failure('token_invalid');
      return goOn(call, found, ticket, browser);
    },

    /**
     * Goes on after `action-needed: verify-email` where the letter's link was opened meanwhile; where it was not, the
     * outcome is the same action again.
     *
     * @throws Failure `sign_in_expired`
     */
    async withEmailLink(call: TenantCall, { ticket: text, ...browser }: Given): Promise<Outcome> {
      const { ticket, ...found } = await ticketFor(call, 'verify-email', text);
      return goOn(call, found, ticket, browser);
    },

    /** Has the letter of `action-needed: verify-email` sent again. @throws Failure `rate_limited`, `sign_in_expired` */
    async resendEmailCode(
      call: TenantCall,
      { ticket: text, browser, languages, base }: Given & { browser: string },
    ): Promise<void> {
      const { ticket } = await ticketFor(call, 'verify-email', text);
      await verification.resend(call, ticket.userId, { holder: browser, languages, base });
    },

    /** The terms that `action-needed: accept-terms` is about; undefined when nothing is asked any more. @throws Failure `sign_in_expired` */
    async termsFor(call: TenantCall, text: string): Promise<TermsVersion | undefined> {
      const { account, tenant } = await ticketFor(call, 'accept-terms', text);
      return (await duties.of(call, account.userId, tenant)).acceptTerms;
    },

    /**
     * Goes on after `action-needed: accept-terms`. Where another version has come into force meanwhile, the outcome is the
     * same action again.
     *
     * @param given.language in which the person has read them
     * @throws Failure `sign_in_expired`
     */
    async withTerms(
      call: TenantCall,
      { ticket: text, version, language, ...browser }: Given & { version: string; language: string },
    ): Promise<Outcome> {
      const { ticket, ...found } = await ticketFor(call, 'accept-terms', text);
      await inTransaction(call, (tx) =>
        duties.acceptTerms(tx, ticket.userId, found.tenant, { version, language }),
      ).catch((error: unknown) => {
        if (!(error instanceof Failure) || error.code !== 'conflict') throw error;
      });
      return goOn(call, found, ticket, browser);
    },

    /**
     * The proof that somebody has just made their account on this browser: they chose its password and read its letters.
     * It is good for one sign-in within ten minutes, on that browser only; the caller keeps it there.
     */
    async arrival(call: TenantCall, userId: UserId): Promise<string> {
      const { account } = await openAccount(call, userId);
      return tickets.write(call, 'arrival', {
        ...{ account, amr: ['pwd'], authTime: call.now },
        ...{ inSession: false, isKnown: false },
      });
    },

    /** Goes on after `arrival`, as after a right password. @throws Failure `sign_in_expired` */
    async withArrival(call: TenantCall, { ticket: text, ...browser }: Given): Promise<Outcome> {
      const { ticket, ...found } = await ticketFor(call, 'arrival', text);
      return goOn(call, found, ticket, browser);
    },
  };
}
