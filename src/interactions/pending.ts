import type { FactorKind } from '../domain/factors/factor.ts';
import type { Vouched } from '../domain/sign-in/tokens.ts';
import { Failure } from '../kernel/failure.ts';
import type { ChallengeId, UserId } from '../kernel/ids.ts';
import type { Issuer } from '../oidc/issuers.ts';
import type { InteractionStep } from './interaction.ts';

/** What a sign-in on a page waits for. None of it is a login yet; it never leaves the server. */
export type Pending = { userId: UserId; remember: boolean } & (
  | { kind: 'new-password'; ticket: string }
  | { kind: 'factor'; challengeId: ChallengeId; factors: readonly FactorKind[] }
  | { kind: 'enrol-factor'; ticket: string }
  | { kind: 'verify-email'; ticket: string }
  | { kind: 'accept-terms'; ticket: string }
  /** The person has made their account on this browser just now. */
  | { kind: 'arrival'; ticket: string }
  /** The codes that came with the first factor are still on the screen. */
  | ({ kind: 'backup-codes' } & Done)
  /** A passkey is offered. */
  | ({ kind: 'passkey-offer' } & Done)
);

/** The sign-in is done, and a page stands before its end. */
type Done = { vouched: Omit<Vouched, 'authTime'>; authTime: number; deviceCookie: string };

/** Remembers in the sealed interaction what comes next. */
export async function keepPending(
  { issuer, details }: { issuer: Issuer; details: { uid: string } },
  pending: Pending,
): Promise<void> {
  const interaction = await issuer.provider.Interaction.find(details.uid);
  if (!interaction) throw new Failure('not_found');
  interaction.result = { pending };
  await interaction.persist();
}

export function pendingOf({ details }: InteractionStep): Pending | undefined {
  return (details.result as { pending?: Pending } | undefined)?.pending;
}

/** The pending step, if it is of this kind. */
export function pendingAs<K extends Pending['kind']>(
  step: InteractionStep,
  kind: K,
): Extract<Pending, { kind: K }> | undefined {
  const pending = pendingOf(step);
  return pending?.kind === kind ? (pending as Extract<Pending, { kind: K }>) : undefined;
}
