import { z } from 'zod';
import { LIMITS } from '../../kernel/limits.ts';

// Lengths only, in UTF-16 units: what an e-mail address or a password is, the domain says.
export const email = z.string().min(1).max(LIMITS.identifierChars);
export const password = z
  .string()
  .min(1)
  .max(LIMITS.passwordMaxChars * 2);
export const time = z.iso.datetime();
/** Text that is looked for, anywhere and in any case. */
export const search = z.string().max(LIMITS.searchMaxChars * 2);
