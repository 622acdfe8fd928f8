import { LIMITS } from '../../kernel/limits.ts';
import { seal, unseal } from '../../kernel/secret.ts';

const MARK = 'sealed:';
const place = (tenantId: string) => `${tenantId}/tenants/settings/smtp.password`;

/** Whether a text is a password as it is stored, so that a plain one never is. */
export function isSealedPassword(text: string): boolean {
  return text.length <= LIMITS.smtpPasswordChars * 4 && /^sealed:[\w-]{40,}$/.test(text);
}

/** A mail server's password in the form in which the settings hold it. */
export function sealSmtpPassword(key: Buffer, tenantId: string, plain: string): string {
  return MARK + seal(key, place(tenantId), Buffer.from(plain)).toString('base64url');
}

/** The inverse. Throws for what was not sealed for this tenant. */
export function openSmtpPassword(key: Buffer, tenantId: string, sealed: string): string {
  return unseal(key, place(tenantId), Buffer.from(sealed.slice(MARK.length), 'base64url')).toString();
}
