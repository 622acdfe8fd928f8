import { expect } from 'chai';
import {
  changeSettings,
  DEFAULT_SETTINGS,
  type SettingsChange,
  withDefaults,
} from '../../../src/domain/tenants/settings.ts';
import { Failure } from '../../../src/kernel/failure.ts';

const refusalOf = (change: unknown): unknown => {
  try {
    changeSettings({}, change as SettingsChange);
    return 'accepted';
  } catch (error) {
    return error instanceof Failure ? error.details['field'] : error;
  }
};

describe('settings', () => {
  it('are the defaults where a tenant has set nothing', () => {
    expect(withDefaults({})).to.deep.equal(DEFAULT_SETTINGS);
    expect(withDefaults({ tokens: { idTokenSeconds: 60 } }).tokens).to.deep.equal({
      ...DEFAULT_SETTINGS.tokens,
      idTokenSeconds: 60,
    });
  });

  it('keep only what a tenant has set, each in its canonical form', () => {
    const own = changeSettings(
      {},
      { locale: 'FA-ir', timezone: 'europe/paris', branding: { primaryColor: '#AABBCC' } },
    );
    expect(own).to.deep.equal({ locale: 'fa-IR', timezone: 'Europe/Paris', branding: { primaryColor: '#aabbcc' } });
  });

  it('go back to the default by null, and stay where nothing is said', () => {
    const own = changeSettings(
      { locale: 'fr', tokens: { idTokenSeconds: 60, accessTokenSeconds: 120 } },
      { tokens: { idTokenSeconds: null } },
    );
    expect(own).to.deep.equal({ locale: 'fr', tokens: { accessTokenSeconds: 120 } });
  });

  it('name the one that is wrong', () => {
    expect(refusalOf({ color: 'red' })).to.equal('settings.color');
    expect(refusalOf({ tokens: { constructor: 1 } })).to.equal('settings.tokens.constructor');
    expect(refusalOf(JSON.parse('{"__proto__":{"locale":"fr"}}'))).to.equal('settings.__proto__.locale');
    expect(refusalOf({ tokens: 5 })).to.equal('settings.tokens');
    expect(refusalOf({ tokens: { accessTokenSeconds: '900' } })).to.equal('settings.tokens.accessTokenSeconds');
    expect(refusalOf({ tokens: { accessTokenSeconds: Number.NaN } })).to.equal('settings.tokens.accessTokenSeconds');
    expect(refusalOf({ tokens: { signingAlg: 'none' } })).to.equal('settings.tokens.signingAlg');
    expect(refusalOf({ timezone: '../../etc/passwd' })).to.equal('settings.timezone');
    expect(refusalOf({ branding: { primaryColor: 'red;}' } })).to.equal('settings.branding.primaryColor');
    expect(refusalOf({ branding: { logoUrl: 'javascript:alert(1)' } })).to.equal('settings.branding.logoUrl');
    expect(refusalOf({ branding: { displayName: 'A\u202eB' } })).to.equal('settings.branding.displayName');
    expect(refusalOf({ password: { minLength: 7 } })).to.equal('settings.password.minLength');
    expect(refusalOf({ registration: { emailDomains: ['acme.example', 'ACME.example'] } })).to.equal(
      'settings.registration.emailDomains',
    );
    expect(refusalOf({ registration: { captchaSecret: 'plain' } })).to.equal('settings.registration.captchaSecret');
    expect(refusalOf({ terms: { versions: [{ version: '1' }] } })).to.equal('settings.terms.versions');
  });

  it('do not contradict each other', () => {
    expect(refusalOf({ password: { minLength: 100, maxLength: 64 } })).to.equal('settings.password.minLength');
    expect(refusalOf({ sessions: { idleSeconds: 4_000, absoluteSeconds: 3_000 } })).to.equal(
      'settings.sessions.idleSeconds',
    );
    expect(refusalOf({ registration: { captcha: 'turnstile' } })).to.equal('settings.registration.captchaSiteKey');
  });

  it('forget a secret when what it belongs to becomes another', () => {
    const captchaSecret = `sealed:${'x'.repeat(50)}`;
    const own = changeSettings({}, { registration: { captcha: 'turnstile', captchaSiteKey: 'one', captchaSecret } });
    expect(own.registration).to.include({ captchaSecret });
    expect(changeSettings(own, { registration: { selfService: true } }).registration).to.include({ captchaSecret });
    for (const moved of [{ captchaSiteKey: 'two' }, { captcha: 'hcaptcha' as const }])
      expect(changeSettings(own, { registration: moved }).registration).not.to.have.property('captchaSecret');
  });

  it('leave a way beside codes that are sent, and want to know what a gateway needs', () => {
    expect(refusalOf({ mfa: { allowedFactors: ['email', 'sms', 'backup_code'] } })).to.equal(
      'settings.mfa.allowedFactors',
    );
    expect(refusalOf({ mfa: { allowedFactors: ['webauthn', 'sms'] } })).to.equal('accepted');
    expect(refusalOf({ sms: { gateway: 'webhook' } })).to.equal('settings.sms.url');
    expect(refusalOf({ sms: { gateway: 'twilio', account: `AC${'a'.repeat(32)}` } })).to.equal('settings.sms.from');
    for (const from of ['+15005550006', `MG${'0'.repeat(32)}`, 'Acme'])
      expect(refusalOf({ sms: { gateway: 'twilio', account: `AC${'a'.repeat(32)}`, from } })).to.equal('accepted');
    expect(refusalOf({ sms: { account: 'AC/../x' } })).to.equal('settings.sms.account');
    expect(refusalOf({ sms: { url: 'http://sms.example/send' } })).to.equal('settings.sms.url');
    expect(refusalOf({ sms: { callingCodes: ['+44'] } })).to.equal('settings.sms.callingCodes');
    expect(refusalOf({ sms: { secret: 'plain' } })).to.equal('settings.sms.secret');
  });

  it('lose a secret that was for another place', () => {
    const sealed = `sealed:${'x'.repeat(60)}`;
    const own = changeSettings({}, { sms: { gateway: 'webhook', url: 'https://sms.example/', secret: sealed } });
    expect(changeSettings(own, { sms: { perHour: 5 } }).sms?.secret).to.equal(sealed);
    expect(changeSettings(own, { sms: { url: 'https://evil.example/' } }).sms).not.to.have.property('secret');
    expect(changeSettings(own, { smtp: { host: 'mail.example', fromAddress: 'a@mail.example' } }).sms?.secret).to.equal(
      sealed,
    );
  });
});
