import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { type Address, formatAddress, networks, parseAddress } from '../kernel/address.ts';
import { LIMITS } from '../kernel/limits.ts';

/** Who is at the other end, and how they reached us, as far as the house believes it. */
export type Client = {
  /** Canonical: IPv4 dotted (mapped ones too), IPv6 by RFC 5952, no zone id. */
  ip: string;
  protocol: 'http' | 'https';
};

/**
 * Tells the client of a request. `X-Forwarded-For` is read from right to left for as long as the one who wrote the entry
 * is a trusted proxy, so a client cannot choose its own address. Anything that is not an address, or more proxies than
 * `LIMITS.forwardedHops`, and the socket's address stands. `X-Forwarded-Proto` counts from a trusted peer only; several
 * values mean the last, which the nearest proxy wrote. `Forwarded` (RFC 7239), `X-Real-IP` and `X-Forwarded-Host` are
 * never read: one source of truth, which every proxy can write.
 *
 * @param trustedProxies networks of the reverse proxies; none: no header counts
 * @param garbled is told when a trusted proxy sent what cannot be read
 * @throws RangeError at start, for a network that is none
 */
export function createClientAddress(
  trustedProxies: readonly string[],
  garbled: () => void = () => {},
): (request: IncomingMessage) => Client {
  const trusted = networks(trustedProxies);

  function forwarded(peer: Address, header: string): Address {
    let client = peer;
    let end = header.length;
    for (let hop = 0; hop < LIMITS.forwardedHops; hop++) {
      const comma = header.lastIndexOf(',', end - 1);
      const entry = parseEntry(header.slice(comma + 1, end));
      if (!entry) break;
      client = entry;
      if (!trusted.has(client) || comma === -1) return client;
      end = comma;
    }
    garbled();
    return peer;
  }

  return (request) => {
    const encrypted = (request.socket as TLSSocket).encrypted === true ? 'https' : 'http';
    const peer = parseAddress(request.socket.remoteAddress ?? '');
    if (!peer) return { ip: '0.0.0.0', protocol: encrypted };
    if (trusted.empty || !trusted.has(peer)) return { ip: formatAddress(peer), protocol: encrypted };
    const header = request.headers['x-forwarded-for'];
    const client = typeof header === 'string' && header !== '' ? forwarded(peer, header) : peer;
    return { ip: formatAddress(client), protocol: protocolOf(request, encrypted) };
  };
}

/** An address, as some proxies write it: with a port, IPv6 then in brackets. */
function parseEntry(raw: string): Address | undefined {
  const text = raw.trim();
  const bracketed = /^\[([^\]]{2,45})\](?::\d{1,5})?$/.exec(text);
  if (bracketed) return parseAddress(bracketed[1]!);
  const withPort = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/.exec(text);
  return parseAddress(withPort ? withPort[1]! : text);
}

function protocolOf(request: IncomingMessage, fallback: 'http' | 'https'): 'http' | 'https' {
  const header = request.headers['x-forwarded-proto'];
  if (typeof header !== 'string') return fallback;
  const last = header
    .slice(header.lastIndexOf(',') + 1)
    .trim()
    .toLowerCase();
  return last === 'https' || last === 'http' ? last : fallback;
}
