import type Koa from 'koa';
import type { Outcome } from '../domain/sign-in/progress.ts';
import { readDeviceCookie } from '../http/device-cookie.ts';
import { Failure } from '../kernel/failure.ts';
import { aboutAccount, type InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import { keepPending, type Pending } from './pending.ts';

type Waiting = Extract<Pending, { kind: 'enrol-factor' }>;

/** An authenticator application, where the tenant demands a factor and the person has none. */
export async function showEnrolment(
  ctx: Koa.Context,
  step: InteractionStep,
  { ticket, userId }: Pick<Waiting, 'ticket' | 'userId'>,
  { page, signIn, callOf }: Pick<LoginTools, 'page' | 'signIn' | 'callOf'>,
  problem?: string,
): Promise<void> {
  const { action, csrf } = step;
  const { secret, qrCode } = await signIn.beginEnrolment(callOf(ctx), ticket);
  const account = await aboutAccount(step, userId);
  if (!account) throw new Failure('sign_in_expired');
  const data = { action, csrf, account, secret, qrCode, reason: 'required' as const, cancellable: true };
  const shown = { ...data, problem: problem === undefined ? undefined : { code: problem } };
  page(ctx, 'enrol-totp', shown, problem === undefined ? 200 : 401);
}

/**
 * Takes the first code of the new factor, and shows the backup codes that come with it.
 *
 * @returns how the sign-in goes on; undefined when a page was shown
 * @throws Failure `sign_in_expired`
 */
export async function postEnrolment(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  pending: Waiting,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  const { signIn, callOf } = tools;
  const { factorId } = await signIn.beginEnrolment(callOf(ctx), pending.ticket);
  const browser = { deviceCookie: readDeviceCookie(ctx), browser: step.details.uid };
  try {
    const given = { ticket: pending.ticket, factorId, code: form['code'] ?? '', ...browser };
    const { outcome, backupCodes } = await signIn.withEnrolment(callOf(ctx), given);
    if (!backupCodes || outcome.kind !== 'signed-in') return outcome;
    const { authTime, ...vouched } = outcome.vouched;
    await keepPending(step, {
      kind: 'backup-codes',
      userId: pending.userId,
      remember: pending.remember,
      vouched,
      authTime: authTime.getTime(),
      deviceCookie: outcome.deviceCookie,
    });
    const { action, csrf } = step;
    tools.page(ctx, 'backup-codes', { action, csrf, codes: backupCodes });
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'factor_wrong') throw error;
    await showEnrolment(ctx, step, pending, tools, 'factor_wrong');
    return undefined;
  }
}

/** The codes were seen: the sign-in that was done with the enrolment goes on. */
export function afterBackupCodes(
  { issuer }: InteractionStep,
  { vouched, authTime, deviceCookie }: Extract<Pending, { kind: 'backup-codes' }>,
): Outcome {
  return {
    kind: 'signed-in',
    tenantId: issuer.tenant.id,
    vouched: { ...vouched, authTime: new Date(authTime) },
    deviceCookie,
  };
}
