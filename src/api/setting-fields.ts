import { z } from 'zod';
import { DATE_FORMATS } from '../domain/tenants/settings.ts';
import { LIMITS } from '../kernel/limits.ts';

// What there is to set of a tenant, once: the API and the file of tenants make their schemas of it. Which values are
// allowed, and which go together, the domain decides (domain/tenants/settings.ts).

const text = (max: number) => z.string().min(1).max(max);
const url = text(LIMITS.redirectUriChars);
const seconds = z.int().min(0);

const termsVersion = z.strictObject({
  version: text(32),
  from: text(35).optional().describe('ISO 8601; in force from then. Always, unless told.'),
  documents: z
    .record(z.string(), z.strictObject({ url: url.optional(), text: text(LIMITS.termsChars).optional() }))
    .describe('By language (BCP 47): an address, or the words themselves.'),
});

/** Settings that belong to no group. */
export const PLAIN_FIELDS = {
  locale: text(35).describe('Language of pages and letters (BCP 47).'),
  timezone: text(64).describe('IANA time zone.'),
  currency: text(3).describe('ISO 4217; for the tenant’s applications.'),
  dateFormat: z.enum(DATE_FORMATS).describe('For the tenant’s applications.'),
  maxUsers: z.int().min(1).describe('Who is gone for good does not count.'),
  maxInstances: z.int().min(1).describe('For the tenant’s applications to ask.'),
};

/** What of the applications a tenant has, by name. */
export const FEATURE_NAME = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/);

/** The others, by group; secrets are not among them. */
export const GROUP_FIELDS = {
  branding: {
    displayName: text(LIMITS.nameChars),
    logoUrl: url,
    primaryColor: z.string(),
    accentColor: z.string(),
    backgroundColor: z.string(),
  },
  password: {
    minLength: z.int(),
    maxLength: z.int(),
    requireUppercase: z.boolean(),
    requireLowercase: z.boolean(),
    requireDigit: z.boolean(),
    requireSpecial: z.boolean(),
    historySize: z.int(),
    refuseCommon: z.boolean(),
    refuseBreached: z.boolean(),
  },
  lockout: { maxAttempts: z.int(), windowSeconds: seconds, durationSeconds: seconds },
  tokens: {
    signingAlg: z.enum(['RS256', 'ES256']),
    accessTokenSeconds: seconds,
    refreshTokenSeconds: seconds,
    refreshGraceSeconds: seconds,
    idTokenSeconds: seconds,
  },
  sessions: { idleSeconds: seconds, absoluteSeconds: seconds, maxPerUser: z.int().min(1) },
  mfa: {
    mode: z.enum(['off', 'optional', 'required', 'required_for_roles']),
    roles: z.array(text(64)).max(LIMITS.mfaRoles),
    allowedFactors: z.array(z.enum(['totp', 'webauthn', 'email', 'sms', 'backup_code'])),
    rememberDeviceDays: z.int().min(0).max(90),
  },
  signIn: { requireVerifiedEmail: z.boolean() },
  terms: { required: z.boolean(), versions: z.array(termsVersion).max(LIMITS.termsVersions) },
  registration: {
    selfService: z.boolean(),
    verifyEmail: z.boolean(),
    emailDomains: z.array(text(LIMITS.domainChars)).max(LIMITS.registrationDomains),
    captcha: z.enum(['altcha', 'turnstile', 'hcaptcha', 'off']),
    captchaSiteKey: text(100),
    unverifiedDays: z.int().min(0).max(365),
    dynamicClients: z.boolean(),
  },
  profile: { ownUsername: z.boolean() },
  privacy: {
    graceDays: z.int().min(0).max(LIMITS.erasureGraceDays),
    policyVersion: text(LIMITS.policyVersionChars),
  },
  smtp: {
    host: text(LIMITS.domainChars),
    port: z.int().min(1).max(65_535),
    secure: z.boolean(),
    user: text(LIMITS.smtpUserChars),
    fromName: text(LIMITS.nameChars),
    fromAddress: text(LIMITS.emailChars),
  },
  sms: {
    gateway: z.enum(['webhook', 'twilio']),
    url,
    account: text(34),
    from: text(34),
    perHour: z.int().min(1).max(100_000),
    callingCodes: z.array(text(3)).max(LIMITS.callingCodes),
  },
  audit: { retentionDays: z.int().min(30).max(LIMITS.auditRetentionDays) },
  claims: { conformIdTokenClaims: z.boolean() },
};

/** What groups are about, where their names do not say it. */
export const ABOUT_GROUPS: { readonly [Group in keyof typeof GROUP_FIELDS]?: string } = {
  branding: 'Colours as #rrggbb.',
  mfa: 'Second factors: who must have one, which ones, and how long a browser is remembered.',
  terms: 'Terms of use: who signs in accepts the version in force. A later version is asked for again.',
  registration:
    'How people make accounts themselves. The secret of a CAPTCHA service is set by the API, never in a file.',
  profile: 'Whether people choose their user name themselves; the administrators do unless told.',
  privacy: 'Days in which an erasure can be taken back, and the version of the privacy policy that is in force.',
  smtp: 'A mail server of the tenant’s own. Its password is set by the API, never in a file.',
  sms: 'Who carries text messages. The secret is set by the API, never in a file.',
  audit: 'How long the audit trail is kept.',
};
