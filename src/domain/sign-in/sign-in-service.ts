import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { DutyService } from '../duties/duty-service.ts';
import type { ChallengeService } from '../factors/challenge-service.ts';
import type { FactorService } from '../factors/factor-service.ts';
import type { PasskeyService } from '../factors/passkey-service.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { PasswordService } from '../passwords/password-service.ts';
import { assertPassword } from '../passwords/password-text.ts';
import type { VerificationService } from '../recovery/verification-service.ts';
import { DEFAULT_SETTINGS } from '../tenants/settings.ts';
import type { DeviceCookies } from './device-cookie.ts';
import { createDutySteps } from './duty-steps.ts';
import { createEnrolmentSteps } from './enrolment-steps.ts';
import { nameOf, readIdentifier } from './identifier.ts';
import { createLaterSteps } from './later-steps.ts';
import { createPasskeySignIn } from './passkey-sign-in.ts';
import { type Browser, createProgress, type Outcome, type SignInEnd } from './progress.ts';
import type { SeenDevices } from './seen-devices.ts';
import type { SignInNotices } from './sign-in-notices.ts';
import * as store from './sign-in-store.ts';
import { nextStep } from './steps.ts';
import type { AddressReservation, Attempt, Reservation, Throttle } from './throttle.ts';

export type SignInDeps = {
  passwords: Pick<PasswordService, 'verify' | 'refreshed' | 'rehash' | 'renew'>;
  throttle: Throttle;
  devices: DeviceCookies;
  keys: Pick<TenantKeyService, 'keyFor' | 'remember'>;
  audit: Pick<AuditService, 'record' | 'recordRefusal'>;
  factors: FactorService;
  passkeys: PasskeyService;
  challenges: ChallengeService;
  duties: DutyService;
  verification: VerificationService;
  seenDevices: SeenDevices;
  notices: Pick<SignInNotices, 'held'>;
  /** The tenant that keeps count and trail of logins that name neither a tenant nor an account. */
  platformTenant(call: OperatorCall): Promise<TenantId>;
  /** Hears how each attempt ended, for the metrics. */
  onEnd?: ((end: SignInEnd) => void) | undefined;
};

/**
 * What is shown at the door. `deviceCookie` is the browser's value, as an outcome gave it once; `browser` the interaction
 * that a page is in.
 */
export type Presented = Browser & { identifier: string; password: string };

/** Whom an attempt is at. */
type Target = Reservation & { account: store.Account | undefined; tenant: store.TenantOfAccount | undefined };

/** An attempt whose password was right. */
type Opened = { call: TenantCall; account: store.Account; tenant: store.TenantOfAccount; attempt: Attempt };

/**
 * The one way in: identifier and password or a passkey, second factor, required actions, signed in. All contracts, the
 * pages and the console call it; limits, equal work and the audit trail live here.
 *
 * Every refusal of a login is `invalid_credentials`, for an unknown name, a wrong password, a user who is not active or
 * has no password, and after too many guesses. Each takes the same statements and exactly one verification.
 */
export function createSignIn(deps: SignInDeps) {
  const { passwords, throttle, keys, audit, notices, platformTenant, onEnd = () => {} } = deps;
  const progress = createProgress({ ...deps, onEnd });

  async function targetOf(
    call: TenantCall,
    found: store.Found | undefined,
    name: string,
    cookie: string | undefined,
  ): Promise<Target> {
    const account = found?.account;
    // Whatever becomes of the attempt is written under it.
    if (found) keys.remember(found.dataKey);
    return {
      account,
      tenant: found?.tenant,
      guessed: account ? { userId: account.userId } : { name },
      deviceId: await throttle.deviceOf(call, cookie, account?.userId),
      lockout: found?.tenant.lockout ?? DEFAULT_SETTINGS.lockout,
    };
  }

  /** Looks at the password of one account, or goes through the same motions where there is none. */
  async function attemptAt(
    call: TenantCall,
    target: Target,
    password: string,
    counted?: AddressReservation,
  ): Promise<{ opened: Opened | undefined; address: AddressReservation }> {
    const { account, tenant, deviceId } = target;
    const attempt = await throttle.reserve(call, target, { withAddress: counted === undefined });
    const address = counted ?? attempt.address;
    const closed = attempt.held ? 'held' : whyClosed(account);
    const stored = closed === undefined ? account?.password : undefined;
    const right = await attempt.orGiveBack(passwords.verify(stored, password), address);
    if (right && account && tenant) return { opened: { call, account, tenant, attempt }, address };
    onEnd(attempt.held ? 'locked' : 'failure');
    if (attempt.begins) await notices.held(call, account?.userId);
    await audit.recordRefusal(call, 'sign_in.refused', {
      ...(account && { target: `user:${account.userId}` }),
      details: { reason: closed ?? 'wrong_credentials', knownDevice: deviceId !== undefined },
    });
    return { opened: undefined, address };
  }

  /** The password was right: the next step, or the end. */
  async function proceed(opened: Opened, presented: Presented, address: AddressReservation): Promise<Outcome> {
    const { call, account, attempt } = opened;
    const proofs = { amr: ['pwd'], authTime: call.now };
    const standing = await progress.standingOf(call, opened, proofs, presented);
    const step = nextStep(standing);
    // A ticket for an action is bound to the hash that was seen; the next login without one renews it.
    const seen = step === undefined || step === 'factor' ? account.password : undefined;
    const fresh = seen && (await passwords.refreshed(seen, presented.password));
    if (seen && fresh) await passwords.rehash(call, account.userId, seen, fresh);
    if (!step) await progress.enter(call, standing, presented);
    await attempt.succeed(address);
    return progress.outcomeOf(call, standing, presented);
  }

  return {
    /**
     * Signs in at the call's tenant.
     *
     * @throws Failure `invalid_credentials`; `rate_limited` after too many refusals of the address, whatever the account;
     *   `busy`; `invalid_input` for what is not two well-formed strings
     */
    async withPassword(call: TenantCall, presented: Presented): Promise<Outcome> {
      const identifier = readIdentifier(presented.identifier);
      assertPassword(presented.password);
      const found = await store.findByIdentifier(call, identifier);
      const target = await targetOf(call, found, nameOf(identifier), presented.deviceCookie);
      const { opened, address } = await attemptAt(call, target, presented.password);
      if (!opened) throw new Failure('invalid_credentials');
      return proceed(opened, presented, address);
    },

    /**
     * Signs in where the tenant was not named: at the only active account with that e-mail address. Where there are
     * several, at most five of them, the password is tried at each. One wrong there counts as a guess there.
     *
     * @throws Failure `tenant_choice` with `tenants` when it opened more than one; what `withPassword` throws
     */
    async withPasswordAnywhere(call: OperatorCall, presented: Presented): Promise<Outcome> {
      const identifier = readIdentifier(presented.identifier);
      assertPassword(presented.password);
      const found = await store.listCandidates(call, identifier, LIMITS.signInCandidates);
      const places: (store.Found | undefined)[] = found.length > 0 ? found : [undefined];
      const opened: Opened[] = [];
      let address: AddressReservation | undefined;
      for (const place of places) {
        const there: TenantCall = { ...call, tenantId: place?.tenant.id ?? (await platformTenant(call)) };
        const target = await targetOf(there, place, nameOf(identifier), presented.deviceCookie);
        const attempt = await attemptAt(there, target, presented.password, address);
        ({ address } = attempt);
        if (attempt.opened) opened.push(attempt.opened);
      }
      const [only, ...others] = opened;
      if (!only) throw new Failure('invalid_credentials');
      if (others.length === 0) return proceed(only, presented, address);
      await only.attempt.succeed(address);
      for (const { attempt } of others) await attempt.succeed();
      throw new Failure('tenant_choice', {
        tenants: opened.map(({ tenant: { id, slug, name } }) => ({ id, slug, name })),
      });
    },

    ...createPasskeySignIn({ ...deps, progress, onEnd }),
    ...createLaterSteps({ ...deps, progress, onEnd }),
    ...createEnrolmentSteps({ ...deps, progress }),
    ...createDutySteps({ ...deps, progress }),
  };
}

export type SignIn = ReturnType<typeof createSignIn>;

/** Why no password opens the account, for the audit trail only. */
function whyClosed(account: store.Account | undefined): string | undefined {
  if (!account) return 'unknown';
  if (account.status !== 'active') return account.status;
  return account.password ? undefined : 'no_password';
}
