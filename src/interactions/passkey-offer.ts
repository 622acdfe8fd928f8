import type Koa from 'koa';
import type { Changer } from '../domain/factors/admission.ts';
import type { PublicKeyCredentialCreationOptionsJSON } from '../domain/factors/webauthn.ts';
import type { Outcome } from '../domain/sign-in/progress.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import { doneWith, outcomeOf, showBackupCodes } from './backup-codes.ts';
import { aboutAccount, type InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import { credentialOf, hasPasskeys, siteOfStep } from './passkey-site.ts';
import { keepPending, type Pending, pendingOf } from './pending.ts';

type SignedIn = Extract<Outcome, { kind: 'signed-in' }>;
type Waiting = Extract<Pending, { kind: 'passkey-offer' }>;

/** What a browser says of itself (views/assets/passkeys.js), or what was said to it: `can`, `asked`. */
const COOKIE = 'gh_passkeys';
const YEAR = 365 * 86_400_000;

/** In whose name a passkey is added: the sign-in is done, and its session has not begun yet. */
const changerOf = ({ details }: InteractionStep, { vouched: { userId, ...proof } }: SignedIn): Changer => ({
  ...{ userId, proof, signIn: details.uid },
});

/**
 * Offers a passkey to somebody who has just signed in with a password and has none, on a browser that could keep one. It
 * is asked once per browser, and is no condition of anything.
 *
 * @returns whether the page was shown
 */
export async function offerPasskey(
  ctx: Koa.Context,
  step: InteractionStep,
  outcome: SignedIn,
  remember: boolean,
  tools: LoginTools,
): Promise<boolean> {
  const isAfterPassword = outcome.vouched.amr.includes('pwd') && step.details.prompt.name !== 'mfa';
  const isFirstPage = !DONE.includes(pendingOf(step)?.kind);
  const can = ctx.cookies.get(COOKIE, { signed: false }) === 'can';
  if (!can || !isAfterPassword || !isFirstPage || !hasPasskeys(step)) return false;
  const options = await optionsFor(ctx, step, outcome, tools);
  // No passkey yet, and one may be added now.
  if (options?.excludeCredentials?.length !== 0) return false;
  // Not httpOnly: the script looks whether there is something to say.
  const path = `${step.issuer.mount}/interaction`;
  ctx.cookies.set(COOKIE, 'asked', { httpOnly: false, sameSite: 'lax', path, maxAge: YEAR, signed: false });
  await keepPending(step, doneWith('passkey-offer', outcome, remember));
  await show(ctx, step, outcome, options, tools);
  return true;
}

const DONE: readonly (Pending['kind'] | undefined)[] = ['backup-codes', 'passkey-offer'];

/** The offer again, for a page that was loaded again. */
export async function showPasskeyOffer(
  ctx: Koa.Context,
  step: InteractionStep,
  pending: Waiting,
  tools: LoginTools,
  problem?: { code: ProblemCode; status: number },
): Promise<void> {
  const outcome = outcomeOf(step, pending);
  const options = await optionsFor(ctx, step, outcome, tools);
  if (!options) throw new Failure('sign_in_expired');
  await show(ctx, step, outcome, options, tools, problem);
}

/**
 * What was made of the offer.
 *
 * @returns the sign-in that goes on; undefined when a page was shown
 */
export async function postPasskeyOffer(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  pending: Waiting,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  const outcome = outcomeOf(step, pending);
  if (form['action'] !== 'enrol-passkey') return outcome;
  try {
    const made = { site: siteOfStep(step), attestation: credentialOf(form) };
    const { backupCodes } = await tools.passkeys.register(tools.callOf(ctx), changerOf(step, outcome), made);
    if (!backupCodes) return outcome;
    await showBackupCodes(ctx, step, { codes: backupCodes, outcome, remember: pending.remember }, tools);
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const code = error.code === 'passkey_taken' ? 'passkey_taken' : 'passkey_invalid';
    await showPasskeyOffer(ctx, step, pending, tools, { code, status: 422 });
    return undefined;
  }
}

/** Undefined where none can be added now. */
async function optionsFor(
  ctx: Koa.Context,
  step: InteractionStep,
  outcome: SignedIn,
  { passkeys, callOf }: LoginTools,
): Promise<PublicKeyCredentialCreationOptionsJSON | undefined> {
  const by = changerOf(step, outcome);
  return passkeys.registrationOptions(callOf(ctx), by, siteOfStep(step)).catch((error: unknown) => {
    if (!(error instanceof Failure)) throw error;
    return undefined;
  });
}

async function show(
  ctx: Koa.Context,
  step: InteractionStep,
  { vouched }: SignedIn,
  options: object,
  { page }: Pick<LoginTools, 'page'>,
  problem?: { code: ProblemCode; status: number },
): Promise<void> {
  const { action, csrf } = step;
  const account = await aboutAccount(step, vouched.userId);
  if (!account) throw new Failure('sign_in_expired');
  const data = { action, csrf, account, reason: 'offered' as const, passkey: { options }, skippable: true };
  page(ctx, 'enrol-passkey', { ...data, problem: problem && { code: problem.code } }, problem?.status);
}
