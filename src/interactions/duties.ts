import type Koa from 'koa';
import { Failure } from '../kernel/failure.ts';
import { goOn } from './go-on.ts';
import { browserOf, type InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';

/** A signed-in person is asked for what their tenant has come to demand since. @throws Failure `sign_in_expired` */
export async function showDuties(ctx: Koa.Context, step: InteractionStep, tools: LoginTools): Promise<void> {
  const { signIn, sessions, callOf } = tools;
  const uid = step.details.session?.uid;
  const session = uid === undefined ? undefined : await sessions.proofOf(callOf(ctx), uid);
  if (!session) throw new Failure('sign_in_expired');
  const browser = await browserOf(ctx, step, tools);
  // The session's proofs stay what they were.
  await goOn(ctx, step, await signIn.catchUp(callOf(ctx), session, browser), !session.transient, tools);
}
