import type Koa from 'koa';
import type { Outcome } from '../domain/sign-in/progress.ts';
import type { SignIn } from '../domain/sign-in/sign-in-service.ts';
import type { TenantCall } from '../kernel/call.ts';
import type { UserId } from '../kernel/ids.ts';
import type { Errand } from './errand.ts';
import { browserOf, type InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import { keepPending, type Pending } from './pending.ts';

/** How a sign-in goes on for who has made their account on this browser just now. @throws Failure `sign_in_expired` */
export async function arrive(
  ctx: Koa.Context,
  step: InteractionStep,
  { ticket }: Extract<Pending, { kind: 'arrival' }>,
  tools: LoginTools,
): Promise<Outcome> {
  return tools.signIn.withArrival(tools.callOf(ctx), { ticket, ...(await browserOf(ctx, step, tools)) });
}

/** Puts a person who has made their account into the sign-in that they came from. @returns false where there is none any more */
export async function putIntoSignIn(
  { issuer, interaction: uid }: Errand,
  userId: UserId,
  { signIn, call }: { signIn: Pick<SignIn, 'arrival'>; call: TenantCall },
): Promise<boolean> {
  const interaction = uid === undefined ? undefined : await issuer.provider.Interaction.find(uid);
  if (!interaction || !['login', 'create'].includes(interaction.prompt.name)) return false;
  const ticket = await signIn.arrival(call, userId);
  await keepPending(
    { issuer, details: { uid: interaction.uid } },
    { kind: 'arrival', userId, remember: false, ticket },
  );
  return true;
}
