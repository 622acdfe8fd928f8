import { LIMITS } from '../../kernel/limits.ts';
import { sealedSetting } from './sealed-setting.ts';

/** What a tenant's account at a gateway for text messages proves itself with. */
export const smsSecret = sealedSetting('sms.secret', LIMITS.smsSecretChars);
