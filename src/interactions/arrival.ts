import type Koa from 'koa';
import type { Outcome } from '../domain/sign-in/progress.ts';
import type { SignIn } from '../domain/sign-in/sign-in-service.ts';
import { readDeviceCookie } from '../http/device-cookie.ts';
import type { TenantCall } from '../kernel/call.ts';
import type { UserId } from '../kernel/ids.ts';
import type { Errand } from './errand.ts';
import type { InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import { keepPending, type Pending } from './pending.ts';

/** How a sign-in goes on for who has made their account on this browser just now. @throws Failure `sign_in_expired` */
export async function arrive(
  ctx: Koa.Context,
  { details }: InteractionStep,
  { ticket }: Extract<Pending, { kind: 'arrival' }>,
  { signIn, callOf, readerOf }: LoginTools,
): Promise<Outcome> {
  const browser = { browser: details.uid, deviceCookie: readDeviceCookie(ctx), ...readerOf(ctx) };
  return signIn.withArrival(callOf(ctx), { ticket, ...browser });
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
