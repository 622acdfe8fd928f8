import { LIMITS } from '../../kernel/limits.ts';
import { sealedSetting } from './sealed-setting.ts';

/** The password of a tenant's mail server. */
export const {
  isSealed: isSealedPassword,
  seal: sealSmtpPassword,
  open: openSmtpPassword,
} = sealedSetting('smtp.password', LIMITS.smtpPasswordChars);
