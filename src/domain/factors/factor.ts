import type { FactorId } from '../../kernel/ids.ts';
import type { FactorKind, TenantSettings } from '../tenants/settings.ts';

export type { FactorKind } from '../tenants/settings.ts';

/** One way in which a person can prove who they are besides the password, as they see it. */
export type Factor = {
  id: FactorId;
  kind: 'totp' | 'webauthn';
  name: string | undefined;
  /** When its owner proved that they hold it. */
  createdAt: Date;
  lastUsedAt: Date | undefined;
  /** WebAuthn: whether the credential is copied to other devices of its owner. */
  backedUp: boolean | undefined;
  /** WebAuthn: whether a copy of the credential was noticed. It proves nothing any more, and waits to be removed. */
  flagged: boolean;
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
  kinds: readonly ('totp' | 'webauthn')[];
  backupCodes: number;
  roles: readonly string[];
  /** Whether the person told this browser to remember them. */
  remembered: boolean;
};

/** Whether the tenant's policy demands a second factor of somebody with these roles. */
export function isDemanded({ mode, roles }: TenantSettings['mfa'], held: readonly string[]): boolean {
  return mode === 'required' || (mode === 'required_for_roles' && roles.some((role) => held.includes(role)));
}

/** Whether a tenant has factors of this kind at all. */
export function allowsFactor({ mode, allowedFactors }: TenantSettings['mfa'], kind: FactorKind): boolean {
  return mode !== 'off' && allowedFactors.includes(kind);
}

/**
 * What the policy makes of what a person has. One who has an allowed factor answers with an allowed one. One who has
 * only others, from before a change of the policy, answers with those and enrols an allowed one then: a password alone
 * never opens an account that had a second factor.
 */
export function judgeSecondFactor(mfa: TenantSettings['mfa'], holdings: Holdings): SecondFactor {
  const { kinds, backupCodes, roles, remembered } = holdings;
  if (mfa.mode === 'off') return NOT_ASKED;
  const demanded = isDemanded(mfa, roles);
  const allowed = kinds.filter((kind) => mfa.allowedFactors.includes(kind));
  const usable: FactorKind[] = allowed.length > 0 ? allowed : [...kinds];
  const standIn = backupCodes > 0 && usable.length > 0 && mfa.allowedFactors.includes('backup_code');
  return {
    offered: standIn ? [...usable, 'backup_code'] : usable,
    asked: usable.length > 0 && !remembered,
    demanded,
    mustEnrol: demanded && allowed.length === 0,
  };
}

const NOT_ASKED: SecondFactor = { offered: [], asked: false, demanded: false, mustEnrol: false };

/** Whether a session began without a factor that the person had by then: it must not speak for all that they have. */
export function owesFactor(
  proof: { amr: readonly string[]; authTime: Date },
  has: readonly Pick<Factor, 'createdAt'>[],
): boolean {
  return !proof.amr.includes('mfa') && has.some(({ createdAt }) => createdAt < proof.authTime);
}

/** How an authentication is named after a proof (RFC 8176). A backup code is a one-time password too. */
export function amrWith(amr: readonly string[], proof: readonly string[]): string[] {
  return [...new Set([...amr, ...proof, 'mfa'])];
}
