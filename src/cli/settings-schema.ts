import { z } from 'zod';
import { LIMITS } from '../kernel/limits.ts';
import { alg, seconds, text, url } from './blueprint-fields.ts';

const termsVersion = z.strictObject({
  version: text(32),
  from: text(35).optional().describe('ISO 8601; in force from then. Always, unless told.'),
  documents: z
    .record(z.string(), z.strictObject({ url: url.optional(), text: text(LIMITS.termsChars).optional() }))
    .describe('By language (BCP 47): an address, or the words themselves.'),
});

/** What a file may say of a tenant’s settings: all but secrets. */
export const settings = z
  .strictObject({
    locale: text(35).describe('Language of pages and letters (BCP 47).'),
    timezone: text(64).describe('IANA time zone.'),
    branding: z
      .strictObject({
        displayName: text(LIMITS.nameChars),
        logoUrl: url,
        primaryColor: z.string(),
        accentColor: z.string(),
        backgroundColor: z.string(),
      })
      .partial()
      .describe('Colours as #rrggbb.'),
    password: z
      .strictObject({
        minLength: z.int(),
        maxLength: z.int(),
        requireUppercase: z.boolean(),
        requireLowercase: z.boolean(),
        requireDigit: z.boolean(),
        requireSpecial: z.boolean(),
        historySize: z.int(),
        refuseCommon: z.boolean(),
        refuseBreached: z.boolean(),
      })
      .partial(),
    lockout: z.strictObject({ maxAttempts: z.int(), windowSeconds: seconds, durationSeconds: seconds }).partial(),
    tokens: z
      .strictObject({
        signingAlg: alg,
        accessTokenSeconds: seconds,
        refreshTokenSeconds: seconds,
        refreshGraceSeconds: seconds,
        idTokenSeconds: seconds,
      })
      .partial(),
    sessions: z.strictObject({ idleSeconds: seconds, absoluteSeconds: seconds, maxPerUser: z.int().min(1) }).partial(),
    mfa: z
      .strictObject({
        mode: z.enum(['off', 'optional', 'required', 'required_for_roles']),
        roles: z.array(text(64)).max(LIMITS.mfaRoles),
        allowedFactors: z.array(z.enum(['totp', 'webauthn', 'email', 'sms', 'backup_code'])),
        rememberDeviceDays: z.int().min(0).max(90),
      })
      .partial()
      .describe('Second factors: who must have one, which ones, and how long a browser is remembered.'),
    signIn: z.strictObject({ requireVerifiedEmail: z.boolean() }).partial(),
    terms: z
      .strictObject({ required: z.boolean(), versions: z.array(termsVersion).max(LIMITS.termsVersions) })
      .partial()
      .describe('Terms of use: who signs in accepts the version in force. A later version is asked for again.'),
    registration: z
      .strictObject({
        selfService: z.boolean(),
        verifyEmail: z.boolean(),
        emailDomains: z.array(text(LIMITS.domainChars)).max(LIMITS.registrationDomains),
        captcha: z.enum(['altcha', 'turnstile', 'hcaptcha', 'off']),
        captchaSiteKey: text(100),
        unverifiedDays: z.int().min(0).max(365),
        dynamicClients: z.boolean(),
      })
      .partial()
      .describe(
        'How people make accounts themselves. The secret of a CAPTCHA service is set by the API, never in a file.',
      ),
    profile: z
      .strictObject({ ownUsername: z.boolean() })
      .partial()
      .describe('Whether people choose their user name themselves; the administrators do unless told.'),
    smtp: z
      .strictObject({
        host: text(LIMITS.domainChars),
        port: z.int().min(1).max(65_535),
        secure: z.boolean(),
        user: text(LIMITS.smtpUserChars),
        fromName: text(LIMITS.nameChars),
        fromAddress: text(LIMITS.emailChars),
      })
      .partial()
      .describe('A mail server of the tenant’s own. Its password is set by the API, never in a file.'),
    sms: z
      .strictObject({
        gateway: z.enum(['webhook', 'twilio']),
        url,
        account: text(34),
        from: text(34),
        perHour: z.int().min(1).max(100_000),
        callingCodes: z.array(text(3)).max(LIMITS.callingCodes),
      })
      .partial()
      .describe('Who carries text messages. The secret is set by the API, never in a file.'),
    audit: z
      .strictObject({ retentionDays: z.int().min(30).max(LIMITS.auditRetentionDays) })
      .partial()
      .describe('How long the audit trail is kept.'),
    claims: z.strictObject({ conformIdTokenClaims: z.boolean() }).partial(),
  })
  .partial();
