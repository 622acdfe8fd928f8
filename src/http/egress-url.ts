import { type Address, type Networks, parseAddress } from '../kernel/address.ts';
import { LIMITS } from '../kernel/limits.ts';
import { isSpecialUse } from './address.ts';

/** Why a call was not made, or its answer not taken. Says nothing about what stands at a private address. */
export type EgressReason =
  | 'url' // not a plain http(s) URL: another scheme, user info, too long
  | 'port'
  | 'cleartext' // http, and not to a network the operator allowed
  | 'address' // private, local or special
  | 'unresolved'
  | 'redirect'
  | 'encoding'
  | 'content_type'
  | 'too_large'
  | 'timeout'
  | 'network';

/** A call that was refused or failed. `message` may be shown to a tenant's administrator. */
export class EgressError extends Error {
  readonly reason: EgressReason;

  constructor(reason: EgressReason, options?: ErrorOptions) {
    super(`The outbound call was not completed (${reason}).`, options);
    this.name = 'EgressError';
    this.reason = reason;
  }
}

/** Ports above 1023 that other protocols own and fetch refuses too (WHATWG Fetch §2.9). */
const BAD_PORTS = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);

/** A checked URL: where to connect, as far as that can be said without asking DNS. */
export type Target = { url: URL; host: string; port: number; literal: Address | undefined };

/**
 * The checks that need no network. WHATWG parsing has already turned decimal, octal, hex and short IPv4 forms into the
 * dotted one; what is left to judge is one address or a name.
 *
 * @throws EgressError
 */
export function targetOf(raw: string | URL, allowed: Networks): Target {
  const url = parse(raw);
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  if (!(port === 443 || port === 80 || port >= 1024) || BAD_PORTS.has(port)) throw new EgressError('port');
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const literal = parseAddress(host);
  if (url.protocol === 'http:' && allowed.empty) throw new EgressError('cleartext');
  if (literal) assertAddress(literal, url, allowed);
  else if (isLocalName(host) && allowed.empty) throw new EgressError('address');
  return { url, host, port, literal };
}

function parse(raw: string | URL): URL {
  const text = String(raw);
  if (text.length > LIMITS.egressUrlChars || !URL.canParse(text)) throw new EgressError('url');
  const url = new URL(text);
  const plain =
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    url.username === '' &&
    url.password === '' &&
    url.hostname !== '';
  if (!plain) throw new EgressError('url');
  return url;
}

/** RFC 6761 §6.3: such names are this machine, whatever a resolver says. */
export function isLocalName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}

/**
 * What may be connected to: public addresses over https, and the operator's networks over both.
 *
 * @throws EgressError `address`, `cleartext`
 */
export function assertAddress(address: Address, url: URL, allowed: Networks): void {
  if (allowed.has(address)) return;
  if (isSpecialUse(address)) throw new EgressError('address');
  if (url.protocol === 'http:') throw new EgressError('cleartext');
}
