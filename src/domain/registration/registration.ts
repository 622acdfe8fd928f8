import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import type { StoredHash } from '../passwords/hash.ts';
import { checkedUser, type UserValues } from '../users/user.ts';

/** What somebody says of themselves who makes an account. Nothing else can be said: no role, no status. */
export type RegistrationDraft = {
  email: string;
  password: string;
  firstName: string;
  lastName: string;
  /** BCP 47. */
  locale?: string | undefined;
};

/** A user who will be, once the address is proven. It lies sealed in the token until then. */
export type Applicant = {
  /** Told to whoever asked, so it is fixed before there is a user. */
  userId: UserId;
  email: string;
  firstName: string | null;
  lastName: string | null;
  locale: string | null;
  password: StoredHash;
};

/**
 * A draft in the form in which it is stored.
 *
 * @throws Failure `invalid_input` for what is missing or not allowed, and for an address of a domain that may not register
 */
export function checkedDraft(
  { email, firstName, lastName, locale }: RegistrationDraft,
  domains: readonly string[],
): UserValues {
  const values = checkedUser({ email, firstName, lastName, locale });
  if (values.firstName === null) throw new Failure('invalid_input', { field: 'firstName', problem: 'is needed' });
  if (values.lastName === null) throw new Failure('invalid_input', { field: 'lastName', problem: 'is needed' });
  assertDomain(values.emailCanonical, domains);
  return values;
}

/** @throws Failure `invalid_input` for an address that is not of one of these domains; none: any will do */
export function assertDomain(emailCanonical: string, domains: readonly string[]): void {
  const domain = emailCanonical.slice(emailCanonical.lastIndexOf('@') + 1);
  if (domains.length > 0 && !domains.includes(domain))
    throw new Failure('invalid_input', { field: 'email', problem: 'is of a domain that cannot be used here' });
}
