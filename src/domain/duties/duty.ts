import type { TenantSettings } from '../tenants/settings.ts';
import { type TermsVersion, termsInForce } from '../tenants/terms.ts';

/** What a tenant demands of a person before they come in, besides proofs. */
export type Duties = {
  /** The address that is to be proven first. */
  verifyEmail: string | undefined;
  /** The terms that are to be accepted first. */
  acceptTerms: TermsVersion | undefined;
};

export const NO_DUTIES: Duties = { verifyEmail: undefined, acceptTerms: undefined };

/** The settings that duties follow from. */
export type DutyRules = Pick<TenantSettings, 'signIn' | 'terms'>;

/** The version that everybody must have accepted at this moment; undefined where a tenant demands none. */
export const termsDemanded = ({ terms }: DutyRules, now: Date): TermsVersion | undefined =>
  terms.required ? termsInForce(terms.versions, now) : undefined;
