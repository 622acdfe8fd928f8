import { randomInt } from 'node:crypto';
import { hmac } from '../../kernel/secret.ts';
import { asciiDigits } from './code-text.ts';

/** Crockford's base 32: nothing that is mistaken for something else. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const [GROUPS, LETTERS] = [3, 5];

/** A backup code: three groups of five letters, 75 random bits. */
export function newBackupCode(): string {
  const group = () => Array.from({ length: LETTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return Array.from({ length: GROUPS }, group).join('-');
}

/** The code as it was issued, however it was typed; undefined for what cannot be one. */
export function readBackupCode(typed: string): string | undefined {
  const text = asciiDigits(typed).toUpperCase().replaceAll('O', '0').replace(/[IL]/g, '1');
  return text.length === GROUPS * LETTERS && [...text].every((letter) => ALPHABET.includes(letter)) ? text : undefined;
}

/** How a code is stored: worthless without the tenant's key, and another one for each person. */
export function hashOfBackupCode(key: Buffer, userId: string, code: string): Buffer {
  return hmac(key, `backup-code:${userId}:${code.replaceAll('-', '')}`);
}
