import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';

/** Which normal form (UAX #15) went into a hash; null: the characters as they came, for hashes made elsewhere. */
export type NormalForm = 'NFC' | null;

/** The form in which new passwords are hashed: é typed as one character or as two is one password. */
export const NORMAL_FORM = 'NFC';

/** The characters that are hashed. Nothing is trimmed: spaces at either end count. */
export function inForm(password: string, form: NormalForm): string {
  return form === null ? password : password.normalize(form);
}

/** Length in characters as people count them, that is code points. What is far too long is not counted out. */
export function charsOf(password: string): number {
  return password.length > 2 * LIMITS.passwordMaxChars ? password.length : [...password].length;
}

/**
 * Lets through what can be hashed without loss: a string without half surrogate pairs (UTF-8 would make one and the same
 * of any two of them), of at most 256 characters.
 *
 * @param field the name of the input, for the refusal
 * @throws Failure `invalid_input`
 */
export function assertPassword(password: unknown, field = 'password'): asserts password is string {
  if (typeof password !== 'string') throw new Failure('invalid_input', { field, problem: 'is not a string' });
  if (charsOf(password) > LIMITS.passwordMaxChars)
    throw new Failure('invalid_input', { field, problem: 'is too long' });
  if (!password.isWellFormed()) throw new Failure('invalid_input', { field, problem: 'is not well-formed Unicode' });
}
