import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { type Address, type Networks, networks, parseAddress } from '../kernel/address.ts';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import type { Log } from '../kernel/log.ts';
import { type AnswerLimits, readAnswer } from './egress-answer.ts';
import { addressesOf, pinned, type Resolve, resolveBySystem } from './egress-resolve.ts';
import { assertAddress, EgressError, type Target, targetOf } from './egress-url.ts';

/** What a caller may narrow for one call; nothing widens the limits of the house. */
export type EgressInit = RequestInit &
  AnswerLimits & {
    /** Milliseconds until the last byte; at most what this way out allows. */
    timeoutMs?: number;
  };

export type Egress = {
  /** Like the global `fetch`, for the OIDC core's `fetch` option too. Its `dispatcher` and `redirect` are not followed. */
  fetch(url: string | URL, init?: EgressInit): Promise<Response>;
  /**
   * The check when a URL is saved. It asks no DNS: a name is judged at each call, and to answer what a name resolves to
   * here would tell a tenant about the operator's network.
   *
   * @throws Failure `invalid_input`, with `reason`
   */
  assertUrl(url: string): void;
};

export type EgressDeps = {
  allowedCidrs: readonly string[];
  log: Log;
  resolve?: Resolve;
  ca?: string;
  timeoutMs?: number;
};

/**
 * The one way out of the house over HTTP. A name is resolved once, each of its addresses is checked, and the connection
 * goes to those addresses only, so that no packet reaches a refused one and a second DNS answer changes nothing. Never
 * followed: redirects, proxies of the environment, compressed answers. The time limit covers everything up to the last byte.
 *
 * @param allowedCidrs networks of the operator's choice that may be called although private, and without TLS
 * @param ca more roots to trust, in PEM
 * @param timeoutMs the most that a call may take; `LIMITS.egressTimeoutMs` unless told
 */
export function createEgress(deps: EgressDeps): Egress {
  const allowed = networks(deps.allowedCidrs);
  const resolve = deps.resolve ?? resolveBySystem;
  // Agents of our own: the global ones follow HTTP_PROXY where NODE_USE_ENV_PROXY is set.
  const agents = { 'http:': new HttpAgent({ keepAlive: false }), 'https:': new HttpsAgent({ keepAlive: false }) };

  async function call(url: string | URL, init: EgressInit): Promise<Response> {
    const target = targetOf(url, allowed);
    const limit = AbortSignal.timeout(Math.min(init.timeoutMs ?? Infinity, deps.timeoutMs ?? LIMITS.egressTimeoutMs));
    const signal = init.signal ? AbortSignal.any([init.signal, limit]) : limit;
    const addresses = target.literal
      ? [target.literal]
      : await addressesOf(target.host, resolve, (address) => assertAddress(address, target.url, allowed), signal);
    // Request gives the body's bytes and its content type, whatever form the body has.
    const { method, headers, body } = { method: 'GET', ...init };
    const request = new Request(target.url, { method, headers: headers ?? {}, body: body ?? null });
    const bytes = Buffer.from(await request.arrayBuffer());
    const message = await exchange(
      target,
      {
        method,
        headers: headersFor(target, request.headers, bytes.length, method),
        agent: agents[target.url.protocol as 'http:'],
        ...(deps.ca && { ca: deps.ca }),
      },
      { bytes, addresses, allowed, signal },
    );
    return readAnswer(message, init, signal);
  }

  return {
    async fetch(url, init = {}) {
      try {
        return await call(url, init);
      } catch (error) {
        const refused = error instanceof EgressError ? error : new EgressError(reasonOf(error), { cause: error });
        deps.log.warn(
          { reason: refused.reason, host: hostOf(url), cause: refused.cause },
          'outbound call not completed',
        );
        throw refused;
      }
    },
    assertUrl(url) {
      try {
        targetOf(url, allowed);
      } catch (error) {
        if (!(error instanceof EgressError)) throw error;
        throw new Failure('invalid_input', { reason: error.reason });
      }
    },
  };
}

/** Headers that belong to the connection, not to the caller (RFC 9110 §7.6.1). */
const OWN_HEADERS = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'accept-encoding',
  'upgrade',
  'expect',
  'te',
];

function headersFor(target: Target, given: Headers, bodyBytes: number, method: string): Record<string, string> {
  const headers = Object.fromEntries([...given].filter(([name, value]) => !OWN_HEADERS.includes(name) && value !== ''));
  if (bodyBytes > 0 || !['GET', 'HEAD'].includes(method.toUpperCase())) headers['content-length'] = String(bodyBytes);
  return {
    'user-agent': 'gatehouse',
    ...headers,
    host: target.url.host,
    'accept-encoding': 'identity',
    connection: 'close',
  };
}

type Wire = { bytes: Buffer; addresses: readonly Address[]; allowed: Networks; signal: AbortSignal };

/** Sends the request and gives the answer's head. */
function exchange(target: Target, options: RequestOptions & { ca?: string }, wire: Wire): Promise<IncomingMessage> {
  const send = target.url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request: ClientRequest = send({
      ...options,
      protocol: target.url.protocol,
      host: target.host,
      port: target.port,
      path: target.url.pathname + target.url.search,
      lookup: pinned(wire.addresses),
      maxHeaderSize: LIMITS.egressHeaderBytes,
      signal: wire.signal,
      // A name is sent and checked as the certificate's; an address has no SNI (RFC 6066 §3).
      ...(target.literal ? {} : { servername: target.host }),
    });
    request.once('socket', (socket) => recheck(socket, target, wire.allowed));
    request.maxHeadersCount = LIMITS.egressHeaders + 1;
    request.once('response', resolve);
    request.once('error', reject);
    request.end(wire.bytes);
  });
}

/** The second lock: what the socket says it is connected to is judged before anything is sent. */
function recheck(socket: Socket, target: Target, allowed: Networks): void {
  socket.once('connect', () => {
    const peer = parseAddress(socket.remoteAddress ?? '');
    try {
      if (!peer) throw new EgressError('network');
      assertAddress(peer, target.url, allowed);
    } catch (error) {
      socket.destroy(error as Error);
    }
  });
}

function reasonOf(error: unknown): 'timeout' | 'too_large' | 'network' {
  const { name, code } = error as { name?: string; code?: string };
  if (name === 'AbortError' || name === 'TimeoutError') return 'timeout';
  return code === 'HPE_HEADER_OVERFLOW' ? 'too_large' : 'network';
}

function hostOf(url: string | URL): string {
  return URL.canParse(String(url)) ? new URL(String(url)).host : '(not a URL)';
}
