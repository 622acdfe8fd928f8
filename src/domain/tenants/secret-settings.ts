import { captchaSecret } from './captcha-secret.ts';
import type { OwnSettings, SettingsChange } from './settings.ts';
import { sealSmtpPassword } from './smtp-password.ts';

/** The plain secrets of a change. */
const secretsOf = ({ smtp, registration }: SettingsChange) => ({
  password: smtp?.password,
  secret: registration?.captchaSecret,
});

export const hasSecrets = (change: SettingsChange): boolean =>
  Object.values(secretsOf(change)).some((value) => typeof value === 'string');

/** A change with its secrets in the form in which settings hold them. @throws Failure `invalid_input` */
export function sealSecrets(change: SettingsChange, key: Buffer, tenantId: string): SettingsChange {
  const { password, secret } = secretsOf(change);
  return {
    ...change,
    ...(typeof password === 'string' && {
      smtp: { ...change.smtp, password: sealSmtpPassword(key, tenantId, password) },
    }),
    ...(typeof secret === 'string' && {
      registration: { ...change.registration, captchaSecret: captchaSecret.seal(key, tenantId, secret) },
    }),
  };
}

/** Settings as others may see them: what is sealed for this tenant in this house is of no use elsewhere. */
export function withoutSecrets({ smtp, registration, ...settings }: OwnSettings): OwnSettings {
  const { password: _password, ...server } = smtp ?? {};
  const { captchaSecret: _secret, ...rules } = registration ?? {};
  return { ...settings, ...(registration && { registration: rules }), ...(smtp && { smtp: server }) };
}
