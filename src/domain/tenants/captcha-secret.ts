import { LIMITS } from '../../kernel/limits.ts';
import { sealedSetting } from './sealed-setting.ts';

/** What a tenant's account at a CAPTCHA service proves itself with. */
export const captchaSecret = sealedSetting('registration.captchaSecret', LIMITS.captchaSecretChars);
