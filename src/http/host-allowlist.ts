import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import { LRUCache } from 'lru-cache';
import { LIMITS } from '../kernel/limits.ts';

export type HostAllowlist = {
  middleware: Middleware;
  /** Forgets what was learnt about tenants' domains: when one was verified or removed. */
  forget(): void;
};

type Refusal = { status: 400 | 414 | 421; error: string; description: string };

const BAD_REQUEST: Refusal = {
  status: 400,
  error: 'invalid_request',
  description: 'The request target or the Host header is not valid.',
};
const TOO_LONG: Refusal = { status: 414, error: 'invalid_request', description: 'The URL is too long.' };
const MISDIRECTED: Refusal = {
  status: 421,
  error: 'misdirected_request',
  description: 'This host is not served here.',
};

const HOST = /^([a-z0-9](?:[a-z0-9._-]{0,252})|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?$/i;
const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])$/;
const MEMORY_MS = 60_000;

/**
 * Lets a request in only under a host of ours: that of PUBLIC_URL, a tenant's verified domain, and in development the
 * loopback names. Everything behind it may therefore build URLs, but does so from the settings, never from the request.
 * Refuses two Host headers, user info, absolute-form targets and `//` paths with 400, unknown hosts and ports with 421
 * (RFC 9110 §15.5.20), long URLs with 414. `X-Forwarded-Host` is never read: the proxy passes Host on. Health endpoints
 * stand before it, since a cluster's probes ask by address.
 *
 * @param loopback accepts localhost, 127.0.0.1 and [::1] at the port of PUBLIC_URL or of the socket
 * @param isKnownHost asks for a verified domain, in lower case and without a port; answers are kept for a minute
 */
export function createHostAllowlist(deps: {
  publicUrl: string;
  loopback: boolean;
  isKnownHost(host: string): Promise<boolean>;
}): HostAllowlist {
  const home = new URL(deps.publicUrl);
  const defaultPort = home.protocol === 'https:' ? 443 : 80;
  const homePort = home.port === '' ? defaultPort : Number(home.port);
  // Two memories: a flood of made-up names does not push out the real ones.
  const known = new LRUCache<string, true>({ max: LIMITS.knownHosts, ttl: MEMORY_MS });
  const unknown = new LRUCache<string, true>({ max: LIMITS.unknownHosts, ttl: MEMORY_MS });

  async function isTenantDomain(name: string): Promise<boolean> {
    if (known.has(name)) return true;
    if (unknown.has(name)) return false;
    const isKnown = await deps.isKnownHost(name);
    (isKnown ? known : unknown).set(name, true);
    return isKnown;
  }

  async function isOurs(host: string, request: IncomingMessage): Promise<boolean> {
    const [, name = '', digits] = HOST.exec(host.toLowerCase()) ?? [];
    const port = digits === undefined ? defaultPort : Number(digits);
    if (name === home.hostname && port === homePort) return true;
    if (deps.loopback && LOOPBACK.test(name) && (port === homePort || port === request.socket.localPort)) return true;
    // A tenant's domain is served at the port of its scheme, or where this server itself is.
    return (port === defaultPort || port === homePort) && !name.startsWith('[') && (await isTenantDomain(name));
  }

  async function refusalOf(request: IncomingMessage): Promise<Refusal | undefined> {
    const target = request.url ?? '';
    if (target.length > LIMITS.urlBytes) return TOO_LONG;
    // `//host/path` would be read as another origin by whoever resolves it.
    if (target.charCodeAt(0) !== 47 || target.charCodeAt(1) === 47 || target.charCodeAt(1) === 92) return BAD_REQUEST;
    const host = onlyHost(request);
    if (host === undefined || !HOST.test(host)) return BAD_REQUEST;
    return (await isOurs(host, request)) ? undefined : MISDIRECTED;
  }

  return {
    forget() {
      known.clear();
      unknown.clear();
    },
    async middleware(ctx, next) {
      const refusal = await refusalOf(ctx.req);
      if (!refusal) return next();
      ctx.status = refusal.status;
      ctx.body = { error: refusal.error, error_description: refusal.description };
      // What the refused request still sends is not read as another one.
      if (refusal.status !== 421) ctx.res.shouldKeepAlive = false;
    },
  };
}

/** The value of the one Host header; Node itself would take the first of several. */
export function onlyHost(request: IncomingMessage): string | undefined {
  let host: string | undefined;
  const { rawHeaders } = request;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue;
    if (host !== undefined) return undefined;
    host = rawHeaders[index + 1]!;
  }
  return host;
}
