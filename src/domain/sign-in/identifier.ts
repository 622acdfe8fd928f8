import { canonicalEmail, canonicalUsername } from '../../kernel/canonical.ts';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { Identifier } from './sign-in-store.ts';

/**
 * What a person typed as their name, in the one form under which it is looked up and counted: an e-mail address, a user
 * name, or neither, which no account has.
 *
 * @throws Failure `invalid_input` for what is no string, is not well-formed Unicode, or is too long
 */
export function readIdentifier(raw: unknown): Identifier {
  if (typeof raw !== 'string') throw new Failure('invalid_input', { field: 'identifier', problem: 'is not a string' });
  if (raw.length > LIMITS.identifierChars)
    throw new Failure('invalid_input', { field: 'identifier', problem: 'is too long' });
  if (!raw.isWellFormed())
    throw new Failure('invalid_input', { field: 'identifier', problem: 'is not well-formed Unicode' });
  const email = canonicalEmail(raw);
  if (email !== undefined) return { email };
  const username = canonicalUsername(raw);
  return username === undefined ? { neither: raw.trim().normalize('NFKC').toLowerCase() } : { username };
}

/** The name under which guesses at it are counted where no account has it. */
export function nameOf(identifier: Identifier): string {
  return Object.values(identifier)[0] as string;
}
