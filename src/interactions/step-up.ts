import type Koa from 'koa';
import { Failure } from '../kernel/failure.ts';
import { goOn, showPending } from './go-on.ts';
import { browserOf, finish, type InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import { pendingAs, pendingOf } from './pending.ts';

/** A signed-in person is asked for their second factor; a question that is still open is shown again. */
export async function showStepUp(ctx: Koa.Context, step: InteractionStep, tools: LoginTools): Promise<void> {
  const { signIn, sessions, challenges, callOf } = tools;
  const call = callOf(ctx);
  const browser = step.details.uid;
  const pending = pendingOf(step);
  const asked = pendingAs(step, 'factor');
  const isOpen = asked && (await challenges.isOpen(call, { challengeId: asked.challengeId, browser }));
  const isShown = pending && pending.kind !== 'backup-codes' && pending.kind !== 'arrival';
  if (isShown && (!asked || isOpen)) return showPending(ctx, step, pending, tools);
  const uid = step.details.session?.uid;
  const session = uid === undefined ? undefined : await sessions.proofOf(call, uid);
  if (!session) throw new Failure('sign_in_expired');
  try {
    // The session's proofs stay what they were, with one more.
    // A remembered browser does not stand in here: the cookie stays out of it.
    const { clientMfa } = await browserOf(ctx, step, tools);
    await goOn(ctx, step, await signIn.stepUp(call, session, { browser, clientMfa }), !session.transient, tools);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'factor_not_allowed') throw error;
    const reason = 'The requested authentication class cannot be reached.';
    await finish(ctx, step, { error: 'unmet_authentication_requirements', error_description: reason });
  }
}
