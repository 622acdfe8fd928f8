import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { FactorId } from '../../kernel/ids.ts';
import { amrWith } from '../factors/factor.ts';
import type { FactorService, TotpEnrolment } from '../factors/factor-service.ts';
import type { PasskeyService } from '../factors/passkey-service.ts';
import type { PublicKeyCredentialCreationOptionsJSON, Site } from '../factors/webauthn.ts';
import { openAccount } from './open-account.ts';
import type { Browser, Outcome, Progress } from './progress.ts';
import { nextStep } from './steps.ts';

export type EnrolmentDeps = {
  progress: Progress;
  factors: Pick<FactorService, 'pendingTotp' | 'enrolTotp' | 'confirmTotp'>;
  passkeys: Pick<PasskeyService, 'registrationOptions' | 'register'>;
};

/** How a sign-in goes on after an enrolment, and the backup codes that came with it, to be shown before anything else. */
export type Enrolled = { outcome: Outcome; backupCodes: string[] | undefined };

type Given = Browser & { ticket: string };

/** What `action-needed: enrol-factor` asks for: the first factor of somebody who is on the way in. */
export function createEnrolmentSteps({ progress, factors, passkeys }: EnrolmentDeps) {
  const { tickets, standingOf, enter, outcomeOf } = progress;

  async function ticketFor(call: TenantCall, text: string) {
    const ticket = await tickets.read(call, 'enrol-factor', text);
    if (!ticket) throw new Failure('sign_in_expired');
    const found = await openAccount(call, ticket.userId);
    const { password } = found.account;
    if (password && !ticket.isFor(password)) throw new Failure('sign_in_expired');
    return { ...found, ticket, by: { userId: ticket.userId, ticket: text } };
  }

  /** Enrols by `work`, which names the proof that was given with it: it counts as a second one. */
  async function enrol(
    call: TenantCall,
    { ticket: text, ...browser }: Given,
    work: (
      tx: TenantCall,
      by: Awaited<ReturnType<typeof ticketFor>>['by'],
    ) => Promise<{ amr: readonly string[]; backupCodes: string[] | undefined }>,
  ): Promise<Enrolled> {
    const { ticket, by, ...found } = await ticketFor(call, text);
    const { standing, backupCodes } = await inTransaction(call, async (tx) => {
      const enrolled = await work(tx, by);
      const { authTime, isKnown } = ticket;
      const proofs = { amr: amrWith(ticket.amr, enrolled.amr), authTime, isKnown };
      const now = await standingOf(tx, found, proofs, browser);
      if (!nextStep(now)) await enter(tx, now, browser);
      return { standing: now, backupCodes: enrolled.backupCodes };
    });
    return { outcome: await outcomeOf(call, standing, browser), backupCodes };
  }

  return {
    /**
     * Begins to enrol an authenticator application; a repetition shows the same secret.
     *
     * @throws Failure `sign_in_expired`, and what `factors.enrolTotp` throws
     */
    async beginEnrolment(call: TenantCall, text: string): Promise<TotpEnrolment> {
      const { by } = await ticketFor(call, text);
      return (await factors.pendingTotp(call, by)) ?? factors.enrolTotp(call, by);
    },

    /**
     * Goes on with the first code of the new application.
     *
     * @throws Failure `factor_wrong`: the ticket is then still good; `sign_in_expired`
     */
    withEnrolment: (call: TenantCall, { factorId, code, ...given }: Given & { factorId: FactorId; code: string }) =>
      enrol(call, given, async (tx, by) => {
        const { backupCodes } = await factors.confirmTotp(tx, by, { factorId, code });
        return { amr: ['otp'], backupCodes };
      }),

    /**
     * Begins to make a passkey instead. Writes nothing.
     *
     * @throws Failure `sign_in_expired`, and what `passkeys.registrationOptions` throws
     */
    async beginPasskeyEnrolment(
      call: TenantCall,
      text: string,
      site: Site,
    ): Promise<PublicKeyCredentialCreationOptionsJSON> {
      const { by } = await ticketFor(call, text);
      return passkeys.registrationOptions(call, by, site);
    },

    /**
     * Goes on with the new passkey.
     *
     * @param given.attestation `RegistrationResponseJSON`, as it came
     * @throws Failure `sign_in_expired`, and what `passkeys.register` throws: the ticket is then still good
     */
    withPasskeyEnrolment: (
      call: TenantCall,
      { site, attestation, ...given }: Given & { site: Site; attestation: unknown },
    ) => enrol(call, given, (tx, by) => passkeys.register(tx, by, { site, attestation })),
  };
}
