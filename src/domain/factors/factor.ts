import type { FactorId } from '../../kernel/ids.ts';
import { FACTOR_KINDS, type FactorKind, type TenantSettings } from '../tenants/settings.ts';
import { isChannel } from './sent-code.ts';

export type { FactorKind } from '../tenants/settings.ts';

/** What a person has; backup codes come with it. */
export type OwnKind = Exclude<FactorKind, 'backup_code'>;

/** One way in which a person can prove who they are besides the password, as they see it. */
export type Factor = {
  id: FactorId;
  kind: OwnKind;
  name: string | undefined;
  /** When its owner proved that they hold it. */
  createdAt: Date;
  lastUsedAt: Date | undefined;
  /** WebAuthn: whether the credential is copied to other devices of its owner. */
  backedUp: boolean | undefined;
  /** WebAuthn: whether a copy of the credential was noticed. It proves nothing any more, and waits to be removed. */
  flagged: boolean;
  /** Where codes go to, whole: an e-mail address or a number. Faces show it in part. */
  address?: string;
};

/** What is known of a person's second factors when they sign in. */
export type SecondFactor = {
  /** What they may answer with; empty when nothing is enrolled. */
  offered: readonly FactorKind[];
  /** Whether a second factor must be shown now, and is there. */
  asked: boolean;
  /** Whether the policy demands one of this person; else it is asked for because they chose to have it. */
  demanded: boolean;
  /** Whether one must be enrolled before the person comes in. */
  mustEnrol: boolean;
};

/** What the database holds of a person, by one statement. */
export type Holdings = {
  kinds: readonly OwnKind[];
  backupCodes: number;
  roles: readonly string[];
  /** Whether the person told this browser to remember them. */
  remembered: boolean;
};

/** What an application asks of second factors. */
export const CLIENT_MFA = ['off', 'inherit', 'required'] as const;
export type ClientMfa = (typeof CLIENT_MFA)[number];

/**
 * The tenant's policy as it is for one application. `off` lifts the demand only: whoever has a second factor is asked for it
 * all the same, since the session that begins there opens other applications too. A tenant without second factors has
 * none to demand.
 */
export function policyFor(mfa: TenantSettings['mfa'], client: ClientMfa = 'inherit'): TenantSettings['mfa'] {
  if (mfa.mode === 'off' || client === 'inherit') return mfa;
  return { ...mfa, mode: client === 'required' ? 'required' : 'optional' };
}

/** Whether the tenant's policy demands a second factor of somebody with these roles. */
export function isDemanded({ mode, roles }: TenantSettings['mfa'], held: readonly string[]): boolean {
  return mode === 'required' || (mode === 'required_for_roles' && roles.some((role) => held.includes(role)));
}

/** Whether a tenant has factors of this kind at all. */
export function allowsFactor({ mode, allowedFactors }: TenantSettings['mfa'], kind: FactorKind): boolean {
  return mode !== 'off' && allowedFactors.includes(kind);
}

/** Operators are never let in by what is sent: who owns their mailbox or telephone number would own every tenant. */
export const isForbidden = (kind: FactorKind, roles: readonly string[]): boolean =>
  isChannel(kind) && roles.includes('SUPER_ADMIN');

/**
 * What the policy makes of what a person has. One who has an allowed factor answers with an allowed one. One who has
 * only others, from before a change of the policy, answers with those and enrols an allowed one then: a password alone
 * never opens an account that had a second factor. What is offered comes strongest first.
 */
export function judgeSecondFactor(mfa: TenantSettings['mfa'], holdings: Holdings): SecondFactor {
  const { kinds, backupCodes, roles, remembered } = holdings;
  if (mfa.mode === 'off') return NOT_ASKED;
  const demanded = isDemanded(mfa, roles) || kinds.some((kind) => isForbidden(kind, roles));
  const allowed = kinds.filter((kind) => mfa.allowedFactors.includes(kind) && !isForbidden(kind, roles));
  const usable = FACTOR_KINDS.filter((kind) => (allowed.length > 0 ? allowed : kinds).some((each) => each === kind));
  const standIn = backupCodes > 0 && usable.length > 0 && mfa.allowedFactors.includes('backup_code');
  return {
    offered: standIn ? [...usable, 'backup_code'] : usable,
    asked: usable.length > 0 && !remembered,
    demanded,
    mustEnrol: demanded && allowed.length === 0,
  };
}

const NOT_ASKED: SecondFactor = { offered: [], asked: false, demanded: false, mustEnrol: false };

/** Whether a browser that was told to remember stood in for the question. */
export const isRemembered = ({ offered, asked }: SecondFactor): boolean => offered.length > 0 && !asked;

/** Whether a session began without a factor that the person had by then: it must not speak for all that they have. */
export function owesFactor(
  proof: { amr: readonly string[]; authTime: Date },
  has: readonly Pick<Factor, 'createdAt'>[],
): boolean {
  return !proof.amr.includes('mfa') && has.some(({ createdAt }) => createdAt < proof.authTime);
}

/** A factor that is answered with a code. */
export type CodeKind = keyof typeof AMR_OF_CODE;

/** How a proof by each kind of code is named (RFC 8176, which has no word for e-mail). */
export const AMR_OF_CODE = { totp: ['otp'], backup_code: ['otp'], email: ['email'], sms: ['sms'] } as const;

/**
 * Whether the second factor of a session was one that is sent, and no stronger one: it must not take a stronger one away.
 *
 * @param amr what the session has proven
 */
export const isWeaklyProven = (amr: readonly string[]): boolean =>
  amr.some(isChannel) && amr.every((method) => isChannel(method) || method === 'pwd' || method === 'mfa');

/** How an authentication is named after a proof (RFC 8176). A backup code is a one-time password too. */
export function amrWith(amr: readonly string[], proof: readonly string[]): string[] {
  return [...new Set([...amr, ...proof, 'mfa'])];
}
