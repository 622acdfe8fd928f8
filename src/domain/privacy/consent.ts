/** What people choose about their personal data. `essential`: what the service cannot do without; it is always granted. */
export const CONSENT_TYPES = ['marketing', 'analytics', 'essential', 'third_party'] as const;
export type ConsentType = (typeof CONSENT_TYPES)[number];

/** Where somebody said it. */
export type ConsentSource = 'page' | 'api';

/** What counts now. `at` is null where a person has never been asked. */
export type Consent = { type: ConsentType; granted: boolean; at: Date | null };

/** One choice, as it was made. */
export type ConsentChoice = {
  type: ConsentType;
  granted: boolean;
  at: Date;
  source: ConsentSource;
  /** Of the privacy policy that the tenant had then. */
  version: string | null;
  ip: string | null;
  userAgent: string | null;
};
