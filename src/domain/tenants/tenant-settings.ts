import { LIMITS } from '../../kernel/limits.ts';
import type { TermsVersion } from './terms.ts';

/** What may be a second factor. Backup codes stand in for any of the others, for people who have one. */
export const FACTOR_KINDS = ['totp', 'webauthn', 'email', 'sms', 'backup_code'] as const;
export type FactorKind = (typeof FACTOR_KINDS)[number];

/** What may keep robots from registering. */
export const CAPTCHA_KINDS = ['altcha', 'turnstile', 'hcaptcha', 'off'] as const;
export type CaptchaKind = (typeof CAPTCHA_KINDS)[number];

/** How dates may be written, in the letters of Unicode TR 35. */
export const DATE_FORMATS = [
  'yyyy-MM-dd',
  'dd/MM/yyyy',
  'MM/dd/yyyy',
  'dd.MM.yyyy',
  'dd-MM-yyyy',
  'yyyy/MM/dd',
] as const;
export type DateFormat = (typeof DATE_FORMATS)[number];

/** What only operators set: a tenant would give itself what it was not given. */
export const OPERATOR_SETTINGS = ['maxUsers', 'maxInstances', 'features'] as const;

/** How a tenant differs from the rest. Durations in seconds. */
export type TenantSettings = {
  /** Language of pages and letters where a person has none of their own (BCP 47). */
  locale: string;
  /** IANA name. */
  timezone: string;
  /** In which the tenant's applications reckon (ISO 4217); Gatehouse does not. */
  currency?: string;
  /** How the tenant's applications write dates (`DATE_FORMATS`); the pages follow the reader's language. */
  dateFormat?: DateFormat;
  /** How many users there may be who are not gone for good; any number when it is not set. For operators to set. */
  maxUsers?: number;
  /** How many instances of their applications a tenant may run: for those to ask. For operators to set. */
  maxInstances?: number;
  /** What of the applications a tenant has, by name: for those to ask. For operators to set. */
  features: Readonly<Record<string, boolean>>;
  branding: {
    /** Stands on the pages; the tenant's name when it is not set. */
    displayName?: string;
    logoUrl?: string;
    /** `#rrggbb`, as the other colours. */
    primaryColor?: string;
    accentColor?: string;
    backgroundColor?: string;
  };
  password: {
    minLength: number;
    maxLength: number;
    requireUppercase: boolean;
    requireLowercase: boolean;
    requireDigit: boolean;
    requireSpecial: boolean;
    /** How many earlier passwords may not come back. */
    historySize: number;
    refuseCommon: boolean;
    /** Asks the range service of BREACH_CHECK_URL, where the node has one. */
    refuseBreached: boolean;
  };
  lockout: { maxAttempts: number; windowSeconds: number; durationSeconds: number };
  tokens: {
    /** Signs ID tokens, and the access tokens of our own API. */
    signingAlg: 'RS256' | 'ES256';
    accessTokenSeconds: number;
    refreshTokenSeconds: number;
    /** How long a refresh token gives the same successor again; REFRESH_REUSE_GRACE of the node when it is not set. */
    refreshGraceSeconds?: number;
    idTokenSeconds: number;
  };
  sessions: {
    idleSeconds: number;
    absoluteSeconds: number;
    /** How many a user may have at once; when one more begins, the oldest ends. */
    maxPerUser?: number;
  };
  mfa: {
    /** `optional`: whoever has a second factor is asked for it. `required_for_roles`: the others are `optional`. */
    mode: 'off' | 'optional' | 'required' | 'required_for_roles';
    /** Names of the roles that `required_for_roles` means. */
    roles: readonly string[];
    /** What may be enrolled and, where a person has one of these, is asked for. */
    allowedFactors: readonly FactorKind[];
    /** How long a browser may be remembered, so that only the password is asked for there; 0: never. */
    rememberDeviceDays: number;
  };
  signIn: {
    /** Whether who signs in must have proven their e-mail address. */
    requireVerifiedEmail: boolean;
  };
  terms: {
    /** Whether who signs in must have accepted the version that is in force. */
    required: boolean;
    versions: readonly TermsVersion[];
  };
  registration: {
    /** Whether people make their accounts themselves. */
    selfService: boolean;
    /** Whether such an account is made only once its e-mail address is proven. */
    verifyEmail: boolean;
    /** Domains of the addresses that people may register with, or change theirs to; none: any. */
    emailDomains: readonly string[];
    /** What keeps robots from registering: a proof of work (ALTCHA), or a service with a site key and a secret. */
    captcha: CaptchaKind;
    captchaSiteKey?: string;
    /** Sealed under the tenant's key, for exactly this service and site key. Shown to nobody. */
    captchaSecret?: string;
    /** Days after which an account goes that somebody made themselves, and whose address was never proven; 0: never. */
    unverifiedDays: number;
    /** Whether applications register themselves (RFC 7591). */
    dynamicClients: boolean;
  };
  profile: {
    /** Whether people choose and change their user name themselves. */
    ownUsername: boolean;
  };
  privacy: {
    /** Days in which somebody can take back that their account is to be erased. */
    graceDays: number;
    /** Of the privacy policy that is in force; choices about personal data are kept with it. */
    policyVersion?: string;
  };
  /** The tenant's own mail server; the house's sends its letters when `host` is not set. */
  smtp: {
    host?: string;
    port?: number;
    /** TLS from the first byte; STARTTLS, without which nothing is sent, when it is not set. */
    secure?: boolean;
    user?: string;
    /** Sealed under the tenant's key (`sealed-setting.ts`), for exactly this server and user. Shown to nobody. */
    password?: string;
    fromName?: string;
    fromAddress?: string;
  };
  /** Who carries text messages; without a gateway there are none. */
  sms: {
    gateway?: 'webhook' | 'twilio';
    /** webhook: where messages are posted to. */
    url?: string;
    /** twilio: the account, `AC…`. */
    account?: string;
    /** The number, name or messaging service from which they come. */
    from?: string;
    /** Sealed, for exactly this gateway: the bearer token of a webhook, the auth token of Twilio. Shown to nobody. */
    secret?: string;
    /** Messages that the whole tenant may send in an hour. */
    perHour: number;
    /** Calling codes that are sent to, `44`; empty: all. */
    callingCodes: readonly string[];
  };
  audit: {
    /** How long the audit trail is kept; it goes by whole months, so up to a month more. */
    retentionDays: number;
  };
  claims: {
    /** Claims of `profile`, `email`, … only where OIDC Core §5.4 has them: userinfo, not the ID token. */
    conformIdTokenClaims: boolean;
  };
};

export const DEFAULT_SETTINGS: TenantSettings = {
  locale: 'en',
  timezone: 'UTC',
  features: {},
  branding: {},
  password: {
    minLength: LIMITS.passwordMinChars,
    maxLength: LIMITS.passwordMaxChars,
    requireUppercase: false,
    requireLowercase: false,
    requireDigit: false,
    requireSpecial: false,
    historySize: 0,
    refuseCommon: true,
    refuseBreached: true,
  },
  lockout: { maxAttempts: 10, windowSeconds: 900, durationSeconds: 900 },
  tokens: { signingAlg: 'RS256', accessTokenSeconds: 900, refreshTokenSeconds: 14 * 86_400, idTokenSeconds: 3_600 },
  sessions: { idleSeconds: 7 * 86_400, absoluteSeconds: 30 * 86_400 },
  // Codes by e-mail and text message are weaker than the others: a tenant turns them on.
  mfa: { mode: 'optional', roles: [], allowedFactors: ['totp', 'webauthn', 'backup_code'], rememberDeviceDays: 0 },
  signIn: { requireVerifiedEmail: false },
  terms: { required: true, versions: [] },
  registration: {
    selfService: false,
    verifyEmail: true,
    emailDomains: [],
    captcha: 'altcha',
    unverifiedDays: 7,
    dynamicClients: false,
  },
  profile: { ownUsername: false },
  privacy: { graceDays: 30 },
  smtp: {},
  sms: { perHour: 1_000, callingCodes: [] },
  audit: { retentionDays: 400 },
  claims: { conformIdTokenClaims: true },
};
