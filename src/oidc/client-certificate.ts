import type { IncomingMessage } from 'node:http';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { networks, parseAddress } from '../kernel/address.ts';

/** A DER certificate as a structured field's byte sequence (RFC 9440 §2.2), 16 KiB at most. */
const CLIENT_CERT = /^:([A-Za-z0-9+/=]{1,16384}):$/;

/**
 * The certificate a client showed to the reverse proxy, from the `Client-Cert` header (RFC 9440). The header counts only
 * when the peer of the socket is a trusted proxy: from everyone else it is their own invention.
 */
export function createCertificateReader(
  trustedProxies: readonly string[],
): (ctx: KoaContextWithOIDC) => string | undefined {
  const trusted = networks(trustedProxies);
  const isTrusted = (request: IncomingMessage) => {
    const peer = parseAddress(request.socket?.remoteAddress ?? '');
    return peer !== undefined && trusted.has(peer);
  };
  return (ctx) => {
    const der = CLIENT_CERT.exec(ctx.get('client-cert'))?.[1];
    if (der === undefined || !isTrusted(ctx.req)) return undefined;
    return `-----BEGIN CERTIFICATE-----\n${der}\n-----END CERTIFICATE-----`;
  };
}
