import type Koa from 'koa';
import { allowsFactor } from '../domain/factors/factor.ts';
import type { Outcome } from '../domain/sign-in/progress.ts';
import type { ShownAccount } from '../http/pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import { showBackupCodes } from './backup-codes.ts';
import { aboutAccount, browserOf, type InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import { credentialOf, hasPasskeys, siteOfStep } from './passkey-site.ts';
import type { Pending } from './pending.ts';

type Waiting = Extract<Pending, { kind: 'enrol-factor' }>;
type Tools = Pick<LoginTools, 'page' | 'signIn' | 'callOf'>;

/**
 * An authenticator application or a passkey, where the tenant demands a factor and the person has none. The application
 * comes first where both are allowed: it needs nothing of the browser.
 */
export async function showEnrolment(
  ctx: Koa.Context,
  step: InteractionStep,
  { ticket, userId }: Pick<Waiting, 'ticket' | 'userId'>,
  tools: Tools,
  problem?: { code: ProblemCode; status: number },
): Promise<void> {
  const { page, signIn, callOf } = tools;
  const account = await aboutAccount(step, userId);
  if (!account) throw new Failure('sign_in_expired');
  const passkey = hasPasskeys(step)
    ? { options: await signIn.beginPasskeyEnrolment(callOf(ctx), ticket, siteOfStep(step)) }
    : undefined;
  const data = { ...formOf(step, account), passkey, problem: problem && { code: problem.code } };
  if (passkey && !allowsFactor(step.issuer.tenant.settings.mfa, 'totp'))
    return page(ctx, 'enrol-passkey', { ...data, passkey }, problem?.status);
  const { secret, qrCode } = await signIn.beginEnrolment(callOf(ctx), ticket);
  page(ctx, 'enrol-totp', { ...data, secret, qrCode }, problem?.status);
}

const formOf = ({ action, csrf }: InteractionStep, account: ShownAccount) => ({
  ...{ action, csrf, account, reason: 'required' as const, cancellable: true },
});

/**
 * Takes the first code of a new application, or a new passkey, and shows the backup codes that come with it.
 *
 * @returns how the sign-in goes on; undefined when a page was shown
 * @throws Failure `sign_in_expired`, `challenge_ended`
 */
export async function postEnrolment(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  pending: Waiting,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  try {
    const { outcome, backupCodes } = await enrolled(ctx, step, form, pending, tools);
    if (!backupCodes || outcome.kind !== 'signed-in') return outcome;
    await showBackupCodes(ctx, step, { codes: backupCodes, outcome, remember: pending.remember }, tools);
    return undefined;
  } catch (error) {
    const problem = error instanceof Failure ? PROBLEMS[error.code] : undefined;
    if (!problem) throw error;
    await showEnrolment(ctx, step, pending, tools, problem);
    return undefined;
  }
}

async function enrolled(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  { ticket }: Waiting,
  tools: LoginTools,
) {
  const { signIn, callOf } = tools;
  const given = { ticket, ...(await browserOf(ctx, step, tools)) };
  if (form['action'] === 'enrol-passkey') {
    const made = { site: siteOfStep(step), attestation: credentialOf(form) };
    return signIn.withPasskeyEnrolment(callOf(ctx), { ...given, ...made });
  }
  const { factorId } = await signIn.beginEnrolment(callOf(ctx), ticket);
  return signIn.withEnrolment(callOf(ctx), { ...given, factorId, code: form['code'] ?? '' });
}

/** Refusals that the page shows. */
const PROBLEMS: Partial<Record<Failure['code'], { code: ProblemCode; status: number }>> = {
  factor_wrong: { code: 'factor_wrong', status: 401 },
  passkey_invalid: { code: 'passkey_invalid', status: 422 },
  passkey_taken: { code: 'passkey_taken', status: 409 },
  invalid_input: { code: 'passkey_invalid', status: 422 },
};
