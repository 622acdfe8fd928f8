import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import type { ChallengeId, TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { DutyService } from '../duties/duty-service.ts';
import type { ChallengeService, Question } from '../factors/challenge-service.ts';
import { type ClientMfa, type FactorKind, policyFor } from '../factors/factor.ts';
import type { FactorService } from '../factors/factor-service.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { VerificationService } from '../recovery/verification-service.ts';
import type { DeviceCookies } from './device-cookie.ts';
import type { SeenDevices } from './seen-devices.ts';
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

/**
 * The browser of a sign-in: its device cookie, and the interaction it is in; programs have neither. And what the
 * application that sent it asks of second factors.
 */
export type Browser = {
  deviceCookie?: string | undefined;
  browser?: string | undefined;
  clientMfa?: ClientMfa | undefined;
  /** What letters to the person need to know of the page they stand before. */
  languages?: readonly string[] | undefined;
  base?: string | undefined;
  /** What a program says of the device that it runs on: a signal, by which nobody is let in. */
  fingerprint?: string | undefined;
};

/** What was proven, and whether a session stands on it already. */
export type Proofs = {
  amr: readonly string[];
  authTime: Date;
  inSession?: boolean;
  /** Whether the browser was known when the sign-in began; whether it is now, where it begins only now. */
  isKnown?: boolean;
};

export type ProgressDeps = {
  devices: DeviceCookies;
  keys: Pick<TenantKeyService, 'keyFor'>;
  audit: Pick<AuditService, 'record'>;
  factors: Pick<FactorService, 'secondFactorOf'>;
  challenges: Pick<ChallengeService, 'put'>;
  duties: Pick<DutyService, 'of'>;
  verification: Pick<VerificationService, 'offer'>;
  seenDevices: SeenDevices;
  onEnd: (end: SignInEnd) => void;
};

/** What every step of a sign-in ends with: where it stands, and how it goes on. */
export function createProgress(deps: ProgressDeps) {
  const { devices, keys, audit, factors, challenges, duties, verification, seenDevices, onEnd } = deps;
  const tickets = createTickets({ keys });

  return {
    tickets,

    /** Where a person stands with these proofs on this browser. One statement more, two where the tenant has duties. */
    async standingOf(
      call: TenantCall,
      { account, tenant }: { account: store.Account; tenant: store.TenantOfAccount },
      { amr, authTime, inSession = false, isKnown }: Proofs,
      { deviceCookie, browser, clientMfa }: Browser,
    ): Promise<Standing> {
      const known = await devices.deviceOf(call, deviceCookie, account.userId);
      // Programs are not remembered: nobody could tell them to forget.
      const deviceId = browser === undefined ? undefined : known;
      const policy = policyFor(tenant.mfa, clientMfa);
      const second = await factors.secondFactorOf(call, account.userId, policy, deviceId);
      const owed = await duties.of(call, account.userId, tenant);
      return {
        account,
        tenant,
        amr,
        authTime,
        second,
        duties: owed,
        inSession,
        isKnown: isKnown ?? known !== undefined,
      };
    },

    /**
     * Notes that somebody is in, in the caller's transaction or in one of its own, and tells them of it where it is from
     * something new; nothing where they were in before.
     */
    async enter(call: TenantCall, { account, amr, inSession, isKnown }: Standing, browser: Browser): Promise<void> {
      if (inSession) return;
      const { userId, lastSignInAt } = account;
      const visitor = {
        ...{ userId, isKnown, isFirst: lastSignInAt === null },
        ...{ isPage: browser.browser !== undefined, fingerprint: browser.fingerprint },
      };
      const record = (at: TenantCall, isNew: boolean) => {
        const details = { ...(amr.includes('mfa') && { amr: [...amr] }), ...(isNew && { newDevice: true }) };
        return audit.record(at, 'sign_in.succeeded', { target: `user:${userId}`, details });
      };
      // To the minute: programs that log in all the time do not write the user's row each time.
      const isLate = call.now.getTime() - (lastSignInAt?.getTime() ?? 0) >= LIMITS.lastSignInMs;
      if (!isLate && seenDevices.isSeen(call, visitor)) return record(call, false);
      await inTransaction(call, async (tx) => {
        if (isLate) await store.touch(tx, userId);
        await record(tx, await seenDevices.note(tx, visitor));
      });
      seenDevices.keep(call, visitor);
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
