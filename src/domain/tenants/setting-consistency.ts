import { Failure } from '../../kernel/failure.ts';
import type { FactorKind, TenantSettings } from './tenant-settings.ts';

/** Whether settings go together. @throws Failure `invalid_input` that names the first that does not */
export function assertConsistent({ password, sessions, mfa, smtp, sms, registration }: TenantSettings): void {
  const refuse = (setting: string, problem: string): never => {
    throw new Failure('invalid_input', { field: `settings.${setting}`, problem });
  };
  const { captcha, captchaSiteKey } = registration;
  if ((captcha === 'turnstile' || captcha === 'hcaptcha') && captchaSiteKey === undefined)
    refuse('registration.captchaSiteKey', 'is needed');
  if (smtp.host !== undefined && smtp.fromAddress === undefined) refuse('smtp.fromAddress', 'is needed');
  if (smtp.host === undefined && smtp.fromAddress !== undefined) refuse('smtp.host', 'is needed');
  if (sms.gateway === 'webhook' && sms.url === undefined) refuse('sms.url', 'is needed');
  if (sms.gateway === 'twilio' && sms.account === undefined) refuse('sms.account', 'is needed');
  if (sms.gateway === 'twilio' && sms.from === undefined) refuse('sms.from', 'is needed');
  // Whoever cannot be reached by codes, or must not be, needs another way (OWASP ASVS 5.0 §6.6.1).
  const isStrong = (kind: FactorKind) => kind === 'totp' || kind === 'webauthn';
  if (mfa.mode !== 'off' && !mfa.allowedFactors.some(isStrong)) refuse('mfa.allowedFactors', 'leaves none to enrol');
  if (password.minLength > password.maxLength) refuse('password.minLength', 'is above the maximum');
  if (sessions.idleSeconds > sessions.absoluteSeconds) refuse('sessions.idleSeconds', 'is above the absolute end');
}
