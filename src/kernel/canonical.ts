import { domainToASCII } from 'node:url';
import { LIMITS } from './limits.ts';

/**
 * The one form under which an e-mail address is stored, compared and counted: NFKC, lower case, the domain in its ASCII
 * form. Invisible characters are refused rather than dropped: dropping them would let one address pass for another.
 *
 * @returns undefined for what is not one plain address (no quoted local part, no address literal, no list)
 */
export function canonicalEmail(raw: string): string | undefined {
  if (raw.length > LIMITS.identifierChars) return undefined;
  const text = raw.trim().normalize('NFKC');
  const at = text.lastIndexOf('@');
  if (at < 1 || at > 64 || text.length > LIMITS.emailChars) return undefined;
  const local = text.slice(0, at).toLowerCase();
  if (!/^[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+(\.[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+)*$/u.test(local))
    return undefined;
  const domain = canonicalDomain(text.slice(at + 1));
  return domain === undefined ? undefined : `${local}@${domain}`;
}

/** A host name in lower-case ASCII (IDNA), without a trailing dot; undefined for an address literal or a bad label. */
export function canonicalDomain(raw: string): string | undefined {
  // The conversion would stop at what ends a URL's host, and undo percent encoding: one domain must not pass for another.
  if (!/^[\p{L}\p{N}\p{M}.-]+$/u.test(raw)) return undefined;
  const ascii = domainToASCII(raw.replace(/\.$/, '')).toLowerCase();
  if (ascii.length === 0 || ascii.length > LIMITS.domainChars || /^[\d.]+$/.test(ascii)) return undefined;
  return ascii.split('.').every((label) => /^(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(label)) ? ascii : undefined;
}

/** The one form under which a user name is compared. */
export function canonicalUsername(raw: string): string | undefined {
  const text = raw.trim().normalize('NFKC').toLowerCase();
  if ([...text].length > LIMITS.usernameChars) return undefined;
  return /^[\p{L}\p{N}][\p{L}\p{N}\p{M}._-]*$/u.test(text) ? text : undefined;
}
