import type { TenantSettings } from '../domain/tenants/settings.ts';
import { isLoopbackHost } from '../kernel/text.ts';

/** A server that takes letters, and how to speak to it. */
export type MailServer = {
  host: string;
  port: number;
  /** From the first byte; by STARTTLS or not at all; by STARTTLS where it is offered; never. */
  tls: 'implicit' | 'required' | 'offered' | 'none';
  user?: string | undefined;
  password?: string | undefined;
  /** The operator's server, which may stand anywhere; a tenant's may not stand in our own network. */
  isOperators: boolean;
};

const TLS_WORDS = ['required', 'none'];

/**
 * The server of SMTP_URL. A password is sent over TLS only, unless the URL says `?tls=none` or the server is on this
 * machine.
 *
 * @returns undefined for what is no such URL
 */
export function readMailUrl(text: string): MailServer | undefined {
  const url = URL.parse(text);
  const names = [...(url?.searchParams.keys() ?? [])];
  if (!url || !/^smtps?:$/.test(url.protocol) || url.hostname === '' || names.some((name) => name !== 'tls')) {
    return undefined;
  }
  const word = url.searchParams.get('tls');
  const isImplicit = url.protocol === 'smtps:';
  if (word !== null && (isImplicit || !TLS_WORDS.includes(word))) return undefined;
  const { hostname } = url;
  const [user, password] = [decoded(url.username), decoded(url.password)];
  if (user === undefined || password === undefined) return undefined;
  const asOffered = password === '' || isLoopbackHost(hostname) ? 'offered' : 'required';
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (isImplicit ? 465 : 587) : Number(url.port),
    tls: isImplicit ? 'implicit' : ((word as 'required' | 'none' | null) ?? asOffered),
    ...(user !== '' && { user, password }),
    isOperators: true,
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** A tenant's own server, where it has one. TLS always. */
export function tenantServer(
  { host, port, secure = false, user, password }: TenantSettings['smtp'],
  open: (sealed: string) => string,
): MailServer | undefined {
  if (host === undefined) return undefined;
  return {
    host,
    port: port ?? (secure ? 465 : 587),
    tls: secure ? 'implicit' : 'required',
    ...(user !== undefined && { user, password: password === undefined ? '' : open(password) }),
    isOperators: false,
  };
}
