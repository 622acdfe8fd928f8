import type Koa from 'koa';
import type { Outcome } from '../domain/sign-in/progress.ts';
import type { InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import { keepPending, type Pending } from './pending.ts';

type SignedIn = Extract<Outcome, { kind: 'signed-in' }>;
type Done = Extract<Pending, { vouched: unknown }>;

/** A sign-in that is done, while a page stands before its end. */
export function doneWith(
  kind: Done['kind'],
  { vouched: { authTime, ...vouched }, deviceCookie }: SignedIn,
  remember: boolean,
): Done {
  return { kind, userId: vouched.userId, remember, vouched, authTime: authTime.getTime(), deviceCookie };
}

/** The sign-in that was done before the page goes on. */
export function outcomeOf({ issuer }: InteractionStep, { vouched, authTime, deviceCookie }: Done): SignedIn {
  return {
    kind: 'signed-in',
    tenantId: issuer.tenant.id,
    vouched: { ...vouched, authTime: new Date(authTime) },
    deviceCookie,
  };
}

/** The codes that came with a first factor, before the sign-in goes on. */
export async function showBackupCodes(
  ctx: Koa.Context,
  step: InteractionStep,
  { codes, outcome, remember }: { codes: readonly string[]; outcome: SignedIn; remember: boolean },
  { page }: Pick<LoginTools, 'page'>,
): Promise<void> {
  await keepPending(step, doneWith('backup-codes', outcome, remember));
  const { action, csrf } = step;
  page(ctx, 'backup-codes', { action, csrf, codes });
}
