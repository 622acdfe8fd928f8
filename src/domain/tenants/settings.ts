import { parseAddress } from '../../kernel/address.ts';
import { canonicalDomain, canonicalEmail } from '../../kernel/canonical.ts';
import { isCurrency } from '../../kernel/currency.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { canonicalLocale, canonicalTimezone, isWebUrl, plainName } from '../../kernel/text.ts';
import { captchaSecret } from './captcha-secret.ts';
import { assertConsistent } from './setting-consistency.ts';
import { type Erasable, type Leaf, leavesOf, type Sparse } from './setting-leaves.ts';
import { color, flag, list, oneOf, type Rule, text, whole } from './setting-rules.ts';
import { smsSecret } from './sms-secret.ts';
import { isSealedPassword } from './smtp-password.ts';
import { CAPTCHA_KINDS, DATE_FORMATS, DEFAULT_SETTINGS, FACTOR_KINDS, type TenantSettings } from './tenant-settings.ts';
import { readTermsVersions } from './terms.ts';

export {
  CAPTCHA_KINDS,
  type CaptchaKind,
  DATE_FORMATS,
  DEFAULT_SETTINGS,
  FACTOR_KINDS,
  type FactorKind,
  OPERATOR_SETTINGS,
  type TenantSettings,
} from './tenant-settings.ts';

/** Only what a tenant has set itself: how settings are stored, and written in a file. */
export type OwnSettings = Sparse<TenantSettings>;

/** A change of settings: a value sets, null goes back to the default, what is left out stays. */
export type SettingsChange = Erasable<TenantSettings>;

const YEAR = 366 * 86_400;
/** What mail servers listen on below 1024 (RFC 5321, RFC 8314). */
const MAIL_PORTS = [25, 465, 587];

/** Settings with names of the operators' own; after all others. */
const FEATURE = /^features\.[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** The name of every other setting. */
type Named = Exclude<Leaf<TenantSettings>, `features.${string}`>;

/** Every other setting there is, in the order in which they are written. A setting without a rule does not compile. */
const RULES: Readonly<Record<Named, Rule>> = {
  locale: text(canonicalLocale),
  timezone: text(canonicalTimezone),
  currency: text((value) => (isCurrency(value) ? value : undefined)),
  dateFormat: oneOf(...DATE_FORMATS),
  maxUsers: whole(1, LIMITS.tenantUsers),
  maxInstances: whole(1, LIMITS.tenantUsers),
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
  'sms.gateway': oneOf('webhook', 'twilio'),
  'sms.url': text((value) => (isWebUrl(value, LIMITS.redirectUriChars) ? value : undefined)),
  'sms.account': text((value) => (/^AC[0-9a-f]{32}$/.test(value) ? value : undefined)),
  'sms.from': text((value) =>
    /^(\+[1-9]\d{6,14}|MG[0-9a-f]{32}|[A-Za-z0-9 ]{3,11})$/.test(value) ? value : undefined,
  ),
  'sms.secret': text((value) => (smsSecret.isSealed(value) ? value : undefined)),
  'sms.perHour': whole(1, 100_000),
  'sms.callingCodes': list(
    text((value) => (/^[1-9]\d{0,2}$/.test(value) ? value : undefined)),
    LIMITS.callingCodes,
  ),
  'privacy.graceDays': whole(0, LIMITS.erasureGraceDays),
  'privacy.policyVersion': text((value) => plainName(value, LIMITS.policyVersionChars)),
  'audit.retentionDays': whole(30, LIMITS.auditRetentionDays),
  'claims.conformIdTokenClaims': flag,
};

/** What each secret belongs to: it must not be shown to another that somebody puts in its place. */
const PLACES: { readonly [Secret in Named]?: readonly Named[] } = {
  'smtp.password': ['smtp.host', 'smtp.port', 'smtp.secure', 'smtp.user'],
  'sms.secret': ['sms.gateway', 'sms.url', 'sms.account'],
  'registration.captchaSecret': ['registration.captcha', 'registration.captchaSiteKey'],
};

function ruleOf(path: string): Rule | undefined {
  if (Object.hasOwn(RULES, path)) return RULES[path as Named];
  return FEATURE.test(path) ? flag : undefined;
}

function fromLeaves(leaves: ReadonlyMap<string, unknown>): OwnSettings {
  const settings: Record<string, Record<string, unknown> | unknown> = {};
  const features = [...leaves.keys()].filter((path) => FEATURE.test(path)).sort();
  for (const path of [...Object.keys(RULES), ...features]) {
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
    const rule = ruleOf(path);
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
  if (Object.keys(changed.features ?? {}).length > LIMITS.tenantFeatures)
    throw new Failure('invalid_input', {
      field: 'settings.features',
      problem: `are more than ${LIMITS.tenantFeatures}`,
    });
  assertConsistent(withDefaults(changed));
  return changed;
}
