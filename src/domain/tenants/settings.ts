import { parseAddress } from '../../kernel/address.ts';
import { canonicalDomain, canonicalEmail } from '../../kernel/canonical.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { canonicalLocale, canonicalTimezone, isWebUrl, plainName } from '../../kernel/text.ts';
import { captchaSecret } from './captcha-secret.ts';
import { type Erasable, type Leaf, leavesOf, type Sparse } from './setting-leaves.ts';
import { color, flag, list, oneOf, type Rule, text, whole } from './setting-rules.ts';
import { isSealedPassword } from './smtp-password.ts';
import { readTermsVersions, type TermsVersion } from './terms.ts';

/** What may be a second factor. Backup codes stand in for any of the others, for people who have one. */
export const FACTOR_KINDS = ['totp', 'webauthn', 'backup_code'] as const;
export type FactorKind = (typeof FACTOR_KINDS)[number];

/** What may keep robots from registering. */
export const CAPTCHA_KINDS = ['altcha', 'turnstile', 'hcaptcha', 'off'] as const;
export type CaptchaKind = (typeof CAPTCHA_KINDS)[number];

/** How a tenant differs from the rest. Durations in seconds. */
export type TenantSettings = {
  /** Language of pages and letters where a person has none of their own (BCP 47). */
  locale: string;
  /** IANA name. */
  timezone: string;
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
  /** The tenant's own mail server; the house's sends its letters when `host` is not set. */
  smtp: {
    host?: string;
    port?: number;
    /** TLS from the first byte; STARTTLS, without which nothing is sent, when it is not set. */
    secure?: boolean;
    user?: string;
    /** Sealed under the tenant's key (`smtp-password.ts`), for exactly this server and user. Shown to nobody. */
    password?: string;
    fromName?: string;
    fromAddress?: string;
  };
  claims: {
    /** Claims of `profile`, `email`, … only where OIDC Core §5.4 has them: userinfo, not the ID token. */
    conformIdTokenClaims: boolean;
  };
};

export const DEFAULT_SETTINGS: TenantSettings = {
  locale: 'en',
  timezone: 'UTC',
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
  mfa: { mode: 'optional', roles: [], allowedFactors: FACTOR_KINDS, rememberDeviceDays: 0 },
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
  smtp: {},
  claims: { conformIdTokenClaims: true },
};

/** Only what a tenant has set itself: how settings are stored, and written in a file. */
export type OwnSettings = Sparse<TenantSettings>;

/** A change of settings: a value sets, null goes back to the default, what is left out stays. */
export type SettingsChange = Erasable<TenantSettings>;

const YEAR = 366 * 86_400;
/** What mail servers listen on below 1024 (RFC 5321, RFC 8314). */
const MAIL_PORTS = [25, 465, 587];

/** Every setting there is, in the order in which they are written. A setting without a rule does not compile. */
const RULES: Record<Leaf<TenantSettings>, Rule> = {
  locale: text(canonicalLocale),
  timezone: text(canonicalTimezone),
  'branding.displayName': text((value) => plainName(value, LIMITS.nameChars)),
  'branding.logoUrl': text((value) => (isWebUrl(value, LIMITS.redirectUriChars) ? value : undefined)),
  'branding.primaryColor': color,
  'branding.accentColor': color,
  'branding.backgroundColor': color,
  'password.minLength': whole(LIMITS.passwordMinChars, LIMITS.passwordMaxChars),
  'password.maxLength': whole(64, LIMITS.passwordMaxChars),
  'password.requireUppercase': flag,
  'password.requireLowercase': flag,
  'password.requireDigit': flag,
  'password.requireSpecial': flag,
  'password.historySize': whole(0, LIMITS.passwordHistory),
  'password.refuseCommon': flag,
  'password.refuseBreached': flag,
  'lockout.maxAttempts': whole(3, 100),
  'lockout.windowSeconds': whole(60, 86_400),
  'lockout.durationSeconds': whole(60, 86_400),
  'tokens.signingAlg': (value) => (value === 'RS256' || value === 'ES256' ? value : undefined),
  'tokens.accessTokenSeconds': whole(60, 86_400),
  'tokens.refreshTokenSeconds': whole(300, YEAR),
  'tokens.refreshGraceSeconds': whole(0, 60),
  'tokens.idTokenSeconds': whole(60, 86_400),
  'sessions.idleSeconds': whole(300, YEAR),
  'sessions.absoluteSeconds': whole(300, YEAR),
  'sessions.maxPerUser': whole(1, LIMITS.sessionsOfUser),
  'mfa.mode': oneOf('off', 'optional', 'required', 'required_for_roles'),
  'mfa.roles': list(
    text((value) => (/^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/.test(value) ? value : undefined)),
    LIMITS.mfaRoles,
  ),
  'mfa.allowedFactors': list(oneOf(...FACTOR_KINDS), FACTOR_KINDS.length),
  'mfa.rememberDeviceDays': whole(0, 90),
  'signIn.requireVerifiedEmail': flag,
  'terms.required': flag,
  'terms.versions': readTermsVersions,
  'registration.selfService': flag,
  'registration.verifyEmail': flag,
  'registration.emailDomains': list(text(canonicalDomain), LIMITS.registrationDomains),
  'registration.captcha': oneOf(...CAPTCHA_KINDS),
  'registration.captchaSiteKey': text((value) => (/^[\w.-]{1,100}$/.test(value) ? value : undefined)),
  'registration.captchaSecret': text((value) => (captchaSecret.isSealed(value) ? value : undefined)),
  'registration.unverifiedDays': whole(0, 365),
  'registration.dynamicClients': flag,
  'profile.ownUsername': flag,
  'smtp.host': text((value) => canonicalDomain(value) ?? (parseAddress(value) && value)),
  'smtp.port': (value) => whole(1_024, 65_535)(value) ?? oneOf(...MAIL_PORTS)(value),
  'smtp.secure': flag,
  'smtp.user': text((value) => plainName(value, LIMITS.smtpUserChars)),
  'smtp.password': text((value) => (isSealedPassword(value) ? value : undefined)),
  'smtp.fromName': text((value) => plainName(value, LIMITS.nameChars)),
  'smtp.fromAddress': text((value) => canonicalEmail(value) && value.trim().normalize('NFKC')),
  'claims.conformIdTokenClaims': flag,
};

/** What each secret belongs to: it must not be shown to another that somebody puts in its place. */
const PLACES: Partial<Record<Leaf<TenantSettings>, readonly Leaf<TenantSettings>[]>> = {
  'smtp.password': ['smtp.host', 'smtp.port', 'smtp.secure', 'smtp.user'],
  'registration.captchaSecret': ['registration.captcha', 'registration.captchaSiteKey'],
};

function fromLeaves(leaves: ReadonlyMap<string, unknown>): OwnSettings {
  const settings: Record<string, Record<string, unknown> | unknown> = {};
  for (const path of Object.keys(RULES)) {
    if (!leaves.has(path)) continue;
    const [group, key] = path.split('.') as [string, string?];
    if (key === undefined) settings[group] = leaves.get(path);
    else settings[group] = { ...(settings[group] as object | undefined), [key]: leaves.get(path) };
  }
  return settings as OwnSettings;
}

/** The settings with the defaults of this version where the tenant has set nothing. */
export function withDefaults(own: OwnSettings): TenantSettings {
  const leaves = new Map([...leavesOf(DEFAULT_SETTINGS), ...leavesOf(own)]);
  return { ...DEFAULT_SETTINGS, ...(fromLeaves(leaves) as TenantSettings) };
}

/**
 * Puts a change over what the tenant has set.
 *
 * @throws Failure `invalid_input` that names the first setting that does not exist or has a wrong value
 */
export function changeSettings(own: OwnSettings, change: SettingsChange): OwnSettings {
  const before: ReadonlyMap<string, unknown> = new Map(leavesOf(own));
  const leaves = new Map(before);
  for (const [path, value] of leavesOf(change)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(RULES, path) ? RULES[path as Leaf<TenantSettings>] : undefined;
    if (!rule) throw new Failure('invalid_input', { field: `settings.${path}`, problem: 'is no setting' });
    const stored = value === null ? null : rule(value);
    if (stored === undefined)
      throw new Failure('invalid_input', { field: `settings.${path}`, problem: 'has a value that is not allowed' });
    if (stored === null) leaves.delete(path);
    else leaves.set(path, stored);
  }
  const given = new Map(leavesOf(change));
  for (const [secret, place] of Object.entries(PLACES)) {
    const isMoved = place.some((path) => leaves.get(path) !== before.get(path));
    if (isMoved && typeof given.get(secret) !== 'string') leaves.delete(secret);
  }
  const changed = fromLeaves(leaves);
  assertConsistent(withDefaults(changed));
  return changed;
}

function assertConsistent({ password, sessions, mfa, smtp, registration }: TenantSettings): void {
  const { captcha, captchaSiteKey } = registration;
  if ((captcha === 'turnstile' || captcha === 'hcaptcha') && captchaSiteKey === undefined)
    throw new Failure('invalid_input', { field: 'settings.registration.captchaSiteKey', problem: 'is needed' });
  if ((smtp.host === undefined) !== (smtp.fromAddress === undefined)) {
    const [field, problem] = smtp.host === undefined ? ['host', 'is needed'] : ['fromAddress', 'is needed'];
    throw new Failure('invalid_input', { field: `settings.smtp.${field}`, problem });
  }
  if (mfa.mode !== 'off' && mfa.allowedFactors.every((kind) => kind === 'backup_code')) {
    throw new Failure('invalid_input', { field: 'settings.mfa.allowedFactors', problem: 'leaves none to enrol' });
  }
  if (password.minLength > password.maxLength) {
    throw new Failure('invalid_input', { field: 'settings.password.minLength', problem: 'is above the maximum' });
  }
  if (sessions.idleSeconds > sessions.absoluteSeconds) {
    throw new Failure('invalid_input', {
      field: 'settings.sessions.idleSeconds',
      problem: 'is above the absolute end',
    });
  }
}
