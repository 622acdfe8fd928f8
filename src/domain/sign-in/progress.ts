import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import type { ChallengeId, TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { DutyService } from '../duties/duty-service.ts';
import type { ChallengeService, Question } from '../factors/challenge-service.ts';
import type { FactorKind } from '../factors/factor.ts';
import type { FactorService } from '../factors/factor-service.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { VerificationService } from '../recovery/verification-service.ts';
import type { DeviceCookies } from './device-cookie.ts';
import * as store from './sign-in-store.ts';
import { type Action, nextStep, type Standing, vouchedOf } from './steps.ts';
import { createTickets } from './ticket.ts';
import type { Vouched } from './tokens.ts';

/** How a sign-in goes on. `vouched` is a login only when it is signed in; before that it says who is on the way. */
export type Outcome = { tenantId: TenantId; vouched: Vouched } & (
  | { kind: 'signed-in'; deviceCookie: string }
  | { kind: 'action-needed'; action: Action; ticket: string; deviceCookie: string }
  | { kind: 'factor-needed'; challengeId: ChallengeId; factors: readonly FactorKind[]; deviceCookie?: undefined }
);

/** `challenge`: what was shown was right, and something else is to be done first; `locked`: it did not count. */
export type SignInEnd = 'success' | 'failure' | 'locked' | 'challenge';

/** The browser of a sign-in: its device cookie, and the interaction it is in; programs have neither. */
export type Browser = {
  deviceCookie?: string | undefined;
  browser?: string | undefined;
  /** What letters to the person need to know of the page they stand before. */
  languages?: readonly string[] | undefined;
  base?: string | undefined;
};

/** What was proven, and whether a session stands on it already. */
export type Proofs = { amr: readonly string[]; authTime: Date; inSession?: boolean };

export type ProgressDeps = {
  devices: DeviceCookies;
  keys: Pick<TenantKeyService, 'keyFor'>;
  audit: Pick<AuditService, 'record'>;
  factors: Pick<FactorService, 'secondFactorOf'>;
  challenges: Pick<ChallengeService, 'put'>;
  duties: Pick<DutyService, 'of'>;
  verification: Pick<VerificationService, 'offer'>;
  onEnd: (end: SignInEnd) => void;
};

/** What every step of a sign-in ends with: where it stands, and how it goes on. */
export function createProgress(deps: ProgressDeps) {
  const { devices, keys, audit, factors, challenges, duties, verification, onEnd } = deps;
  const tickets = createTickets({ keys });

  return {
    tickets,

    /** Where a person stands with these proofs on this browser. One statement more, two where the tenant has duties. */
    async standingOf(
      call: TenantCall,
      { account, tenant }: { account: store.Account; tenant: store.TenantOfAccount },
      { amr, authTime, inSession = false }: Proofs,
      { deviceCookie, browser }: Browser,
    ): Promise<Standing> {
      // Programs are not remembered: nobody could tell them to forget.
      const deviceId = browser && (await devices.deviceOf(call, deviceCookie, account.userId));
      const second = await factors.secondFactorOf(call, account.userId, tenant.mfa, deviceId);
      const owed = await duties.of(call, account.userId, tenant);
      return { account, tenant, amr, authTime, second, duties: owed, inSession };
    },

    /** Notes that somebody is in, in the caller's transaction or in one of its own; nothing where they were in before. */
    async enter(call: TenantCall, { account, amr, inSession }: Standing): Promise<void> {
      if (inSession) return;
      const details = amr.includes('mfa') ? { amr: [...amr] } : {};
      const note = { target: `user:${account.userId}`, details };
      const age = call.now.getTime() - (account.lastSignInAt?.getTime() ?? 0);
      // To the minute: programs that log in all the time do not write the user's row each time.
      if (age < LIMITS.lastSignInMs) return audit.record(call, 'sign_in.succeeded', note);
      await inTransaction(call, async (tx) => {
        await store.touch(tx, account.userId);
        await audit.record(tx, 'sign_in.succeeded', note);
      });
    },

    /** What the faces are told: signed in, or what is to be done next. A browser is known once nothing is left to prove. */
    async outcomeOf(
      call: TenantCall,
      standing: Standing,
      { deviceCookie, browser, ...reader }: Browser,
      purpose: Question['purpose'] = 'sign-in',
    ): Promise<Outcome> {
      const { account, amr, authTime, second } = standing;
      const common = { tenantId: call.tenantId, vouched: vouchedOf(standing) };
      const step = nextStep(standing);
      onEnd(step ? 'challenge' : 'success');
      if (step === 'factor') {
        const { offered } = second;
        const question = { purpose, userId: account.userId, factors: offered, amr, authTime, browser };
        return {
          ...common,
          kind: 'factor-needed',
          challengeId: await challenges.put(call, question),
          factors: offered,
        };
      }
      const known = { ...common, deviceCookie: await devices.remember(call, deviceCookie, account.userId) };
      if (!step) return { ...known, kind: 'signed-in' };
      if (step === 'verify-email') await verification.offer(call, account.userId, { ...reader, holder: browser });
      return { ...known, kind: 'action-needed', action: step, ticket: await tickets.write(call, step, standing) };
    },
  };
}

export type Progress = ReturnType<typeof createProgress>;
