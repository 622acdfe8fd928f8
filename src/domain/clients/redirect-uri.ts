import { LIMITS } from '../../kernel/limits.ts';
import { isLoopbackHost, isWebUrl } from '../../kernel/text.ts';

/** Why a text cannot be a redirect URI, or undefined when it can. Redirect URIs are compared character by character. */
export function redirectUriProblem(raw: string, { native }: { native: boolean }): string | undefined {
  if (raw.length > LIMITS.redirectUriChars) return `is longer than ${LIMITS.redirectUriChars} characters`;
  if (!/^[\x21-\x7e]+$/.test(raw) || /["<>\\^`{|}]/.test(raw)) return 'holds a character that no URI has';
  if (raw.includes('#')) return 'has a fragment (RFC 6749 §3.1.2)';
  if (raw.includes('*')) return 'holds a wildcard';
  const url = URL.parse(raw);
  if (!url || !/^[a-z][a-z0-9+.-]*:/i.test(raw)) return 'is no absolute URI';
  if (url.username !== '' || url.password !== '') return 'names a user';
  if (/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(raw.split('?')[0]!)) return 'has a dot segment';
  if (url.protocol === 'https:') return undefined;
  if (url.protocol === 'http:')
    return isLoopbackHost(url.hostname) ? undefined : 'is plain http outside of this machine';
  if (!native) return 'must be https';
  // RFC 8252 §7.1: a domain name backwards. Script and data schemes have no dot.
  return url.protocol.includes('.') ? undefined : 'has a scheme that is no domain name backwards (RFC 8252 §7.1)';
}

/** Whether a text is an origin as browsers send it: scheme, host and port, https or this machine. */
export function isOrigin(raw: string): boolean {
  return isWebUrl(raw, LIMITS.redirectUriChars) && URL.parse(raw)?.origin === raw;
}
