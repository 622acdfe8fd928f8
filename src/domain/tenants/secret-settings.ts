import { captchaSecret } from './captcha-secret.ts';
import type { OwnSettings, SettingsChange } from './settings.ts';
import { smsSecret } from './sms-secret.ts';
import { sealSmtpPassword } from './smtp-password.ts';

/** The plain secrets of a change. */
const secretsOf = ({ smtp, sms, registration }: SettingsChange) => ({
  password: smtp?.password,
  gateway: sms?.secret,
  captcha: registration?.captchaSecret,
});

export const hasSecrets = (change: SettingsChange): boolean =>
  Object.values(secretsOf(change)).some((value) => typeof value === 'string');

/** A change with its secrets in the form in which settings hold them. @throws Failure `invalid_input` */
export function sealSecrets(change: SettingsChange, key: Buffer, tenantId: string): SettingsChange {
  const { password, gateway, captcha } = secretsOf(change);
  return {
    ...change,
    ...(typeof password === 'string' && {
      smtp: { ...change.smtp, password: sealSmtpPassword(key, tenantId, password) },
    }),
    ...(typeof gateway === 'string' && {
      sms: { ...change.sms, secret: smsSecret.seal(key, tenantId, gateway) },
    }),
    ...(typeof captcha === 'string' && {
      registration: { ...change.registration, captchaSecret: captchaSecret.seal(key, tenantId, captcha) },
    }),
  };
}

/** Settings as others may see them: what is sealed for this tenant in this house is of no use elsewhere. */
export function withoutSecrets({ smtp, sms, registration, ...settings }: OwnSettings): OwnSettings {
  const { password: _password, ...server } = smtp ?? {};
  const { secret: _secret, ...gateway } = sms ?? {};
  const { captchaSecret: _captcha, ...rules } = registration ?? {};
  return {
    ...settings,
    ...(registration && { registration: rules }),
    ...(smtp && { smtp: server }),
    ...(sms && { sms: gateway }),
  };
}
