import { LIMITS } from '../../kernel/limits.ts';

/** Zero of the scripts whose digits people type: Arabic, Persian, and full-width (by NFKC). */
const ZEROES = [0x0660, 0x06f0];

/** A code as it was meant: ASCII digits and letters, without spaces and hyphens. Empty for what is too long to be one. */
export function asciiDigits(typed: string): string {
  if (typed.length > LIMITS.factorCodeChars || !typed.isWellFormed()) return '';
  return typed
    .normalize('NFKC')
    .replace(/[\s\p{Pd}\p{Cf}]/gu, '')
    .replace(/[\u0660-\u0669\u06f0-\u06f9]/g, (digit) => {
      const zero = ZEROES.find((first) => digit.charCodeAt(0) - first < 10 && digit.charCodeAt(0) >= first) ?? 0;
      return String(digit.charCodeAt(0) - zero);
    });
}
