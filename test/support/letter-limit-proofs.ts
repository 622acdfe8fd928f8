import { changeSettings, type SettingsChange } from '../../src/domain/tenants/settings.ts';
import type { Proof } from './limit-proofs.ts';

const file = (path: string, title?: string): Proof => ({ file: `test/${path}`, ...(title && { title }) });
const sizes = (path: string): Proof => ({ sizes: `src/${path}` });

const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const settings = (change: SettingsChange) => changeSettings({}, change);
const termsOf = (version: string, more = 0) => ({ version, documents: { en: { text: 'x'.repeat(more + 1) } } });

/** Where the limits of letters, of what is proven by them, and of registration are shown to hold. */
export const LETTER_PROOFS: Record<string, Proof> = {
  consentHistory: sizes('domain/privacy/consent-service.ts'),
  consentsOfDay: file('domain/privacy/consent-service.test.ts', 'changes fifty times a day'),
  erasureGraceDays: file('domain/privacy/erasure-service.test.ts', 'as long as the tenant says'),
  erasuresAtOnce: sizes('domain/privacy/erasure-service.ts'),
  exportedRecords: sizes('domain/privacy/personal-data.ts'),
  policyVersionChars: { upTo: (n) => settings({ privacy: { policyVersion: 'x'.repeat(n) } }) },
  inviteSeconds: file('domain/invites/acceptance.test.ts', 'for a week'),
  invitesKeptSeconds: file('domain/invites/invite-service.test.ts', 'thirty days after'),
  changeEmailSeconds: sizes('domain/recovery/email-token.ts'),
  emailCodeTries: sizes('domain/recovery/email-token-service.ts'),
  emailCodesOfBrowser: file('domain/recovery/recovery-reset.test.ts', 'the last three letters'),
  emailTokenChars: sizes('domain/recovery/email-token-service.ts'),
  captchaAnswerBytes: sizes('house.ts'),
  captchaChars: file('domain/registration/captcha-service.test.ts', 'anything of it was changed or made up'),
  captchaSeconds: file('domain/registration/captcha-service.test.ts', 'its own time only'),
  unprovenRegistrationsOfAddress: file('domain/registration/registration-rules.test.ts', 'lets fewer through'),
  unprovenRegistrationsOfTenant: file('domain/registration/registration-rules.test.ts', 'lets a tenant’s robots'),
  captchaSecretChars: sizes('domain/tenants/captcha-secret.ts'),
  registrationDomains: {
    upTo: (n) => settings({ registration: { emailDomains: many(n, (at) => `d${at}.example`) } }),
  },
  termsVersions: { upTo: (n) => settings({ terms: { versions: many(n, (at) => termsOf(`v${at}`)) } }) },
  termsChars: {
    upTo: (n) => settings({ terms: { versions: [termsOf('v1', n - JSON.stringify([termsOf('v1')]).length)] } }),
  },
  recoveriesOfAddress: sizes('domain/recovery/recovery-throttle.ts'),
  recoveriesOfEmail: sizes('domain/recovery/recovery-throttle.ts'),
  recoveryAccounts: sizes('domain/recovery/recovery-service.ts'),
  recoverySeconds: sizes('domain/recovery/email-token.ts'),
  invitationSeconds: sizes('domain/recovery/recovery-service.ts'),
  recoveryTriesOfAddress: sizes('domain/recovery/recovery-throttle.ts'),
  recoveryWindowSeconds: sizes('domain/recovery/recovery-throttle.ts'),
  smtpPasswordChars: sizes('domain/tenants/smtp-password.ts'),
  smsSecretChars: sizes('domain/tenants/sms-secret.ts'),
  callingCodes: { upTo: (n) => settings({ sms: { callingCodes: many(n, (at) => String(at + 1)) } }) },
  smsGatewayMs: sizes('sms/sms-gateway.ts'),
  smtpUserChars: sizes('api/setting-fields.ts'),
  smtpServers: file('mail/mail-sender.test.ts'),
  smtpConnections: file('mail/mail-sender.test.ts'),
  smtpLettersOfConnection: sizes('mail/mail-sender.ts'),
  smtpIdleMs: sizes('mail/mail-sender.ts'),
  smtpConnectMs: sizes('mail/mail-sender.ts'),
  smtpDeliveryMs: sizes('mail/mail-sender.ts'),
  lettersShown: sizes('domain/mail/letter-service.ts'),
  verifyEmailSeconds: sizes('domain/recovery/email-token.ts'),
};
