import type { Knex } from 'knex';
import type Koa from 'koa';
import compose from 'koa-compose';
import { LRUCache } from 'lru-cache';
import type { Provider } from 'oidc-provider';
import type { SigningKeyService } from '../domain/keys/signing-key-service.ts';
import type { SessionService } from '../domain/sessions/session-service.ts';
import { issuerUrl } from '../domain/tenants/issuer-url.ts';
import type { DirectoryTenant, TenantDirectory } from '../domain/tenants/tenant-directory.ts';
import type { OperatorCall } from '../kernel/call.ts';
import type { TenantId } from '../kernel/ids.ts';
import { LIMITS } from '../kernel/limits.ts';
import { createClientRate } from './client-rate.ts';
import { FIRST_PARTY_GRANT } from './client-source.ts';
import { limitDevices } from './device-limits.ts';
import { type EventOptions, wireEvents } from './events.ts';
import { registerFirstPartyGrant } from './first-party.ts';
import { guardRequests } from './guard.ts';
import { inProcess } from './in-process.ts';
import { introspectJwts } from './introspection.ts';
import { publicJwks } from './jwks.ts';
import { type JwtReader, jwtReader } from './jwt-tokens.ts';
import { answerLogouts } from './logout-requests.ts';
import { createProvider, isRoute, type ProviderOptions } from './provider.ts';
import { translateRecords } from './registration-records.ts';
import { limitRequests, type RequestLimits } from './request-limits.ts';
import { currentScope, inRequestScope } from './request-scope.ts';

/** One issuer of one tenant, ready to answer. It holds no state and can be thrown away at any moment. */
export type Issuer = {
  readonly tenant: DirectoryTenant;
  readonly url: string;
  readonly mount: string;
  readonly provider: Provider;
  readonly run: Koa.Middleware;
  readonly readJwt: JwtReader;
  readonly discovery: Buffer;
  readonly jwks: Buffer;
};

/** Which tenant a request means, and at which of its verified domains, if at one. */
export type Address = { tenant: DirectoryTenant; domain?: string };

export type IssuersOptions = Omit<
  ProviderOptions,
  'tenant' | 'issuer' | 'mount' | 'keys' | 'onReplay' | 'registration' | 'clientRate'
> &
  EventOptions & {
    db: Knex;
    rates: RequestLimits['rates'];
    publicUrl: URL;
    platformSlug: string;
    directory: TenantDirectory;
    signingKeys: SigningKeyService;
    sessions: Pick<SessionService, 'endByUid'>;
    registrationOf(tenant: DirectoryTenant): ProviderOptions['registration'];
  };

const MOUNT = /^\/t\/([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?=\/|$)/;

/** Tenants as issuers: which one a request means, and an instance of the core for each that is in use. */
export function createIssuers(options: IssuersOptions) {
  const { db, publicUrl, directory, signingKeys } = options;
  const runtimes = new LRUCache<string, { tenant: DirectoryTenant; issuer: Promise<Issuer> }>({
    max: LIMITS.providers,
  });
  const call = (): OperatorCall => ({ db, actor: { kind: 'system', name: 'issuers' }, now: new Date() });

  async function build(tenant: DirectoryTenant, url: string, mount: string): Promise<Issuer> {
    const tenantCall = { ...call(), tenantId: tenant.id };
    const keys = await signingKeys.keysOf(tenantCall);
    const clientRate = createClientRate({ tenantId: tenant.id, rates: options.rates });
    const provider = createProvider({
      ...options,
      clientRate,
      tenant,
      issuer: url,
      mount,
      keys,
      registration: options.registrationOf(tenant),
      onReplay: (about) => endReplayed(tenant, about),
    });
    registerFirstPartyGrant(provider, tenant.settings.sessions.idleSeconds);
    wireEvents(provider, tenant, options);
    const readJwt = jwtReader(url, tenant.id, keys);
    const isClient = async (clientId: string) => (await provider.Client.find(clientId)) !== undefined;
    const sessionCookie = provider.cookieName('session');
    const limits = { tenantId: tenant.id, rates: options.rates, clientRate, sessionCookie };
    provider.use(guardRequests());
    provider.use(limitRequests(limits) as never);
    provider.use(limitDevices(limits) as never);
    provider.use(answerLogouts(options.pages.signedOut) as never);
    provider.use(translateRecords(provider) as never);
    provider.use(introspectJwts({ tenantId: tenant.id, read: readJwt, isClient }) as never);
    const run = asSpelled(compose(provider.middleware) as Koa.Middleware);
    const discovery = await inRequestScope({ db, tenantId: tenant.id, ip: '', userAgent: '' }, () =>
      inProcess(provider, mounted(run, mount), { method: 'GET', path: '/.well-known/openid-configuration' }),
    );
    return {
      tenant,
      url,
      mount,
      provider,
      run,
      readJwt,
      discovery: Buffer.from(JSON.stringify(publicMetadata(discovery.body as Metadata, tenant))),
      jwks: Buffer.from(JSON.stringify(publicJwks(keys))),
    };
  }

  /** Somebody has a refresh token that somebody else has used: its session is nobody's any more. */
  async function endReplayed(
    tenant: DirectoryTenant,
    { sessionUid, clientId }: { sessionUid: string | null; clientId: string | undefined },
  ): Promise<void> {
    options.auditRefusal(tenant, 'refresh.replayed', { clientId, sessionUid });
    const { ip, userAgent, requestId = '' } = currentScope();
    const origin = { ip, userAgent, requestId };
    if (sessionUid)
      await options.sessions.endByUid({ ...call(), tenantId: tenant.id, origin }, sessionUid, 'refresh_replay');
  }

  /** The instance for an issuer; built once for all who ask at the same time, and again when the tenant has changed. */
  function issuerOf({ tenant, domain }: Address): Promise<Issuer> {
    const url = issuerUrl(publicUrl, tenant, domain);
    const known = runtimes.get(url);
    if (known?.tenant === tenant) return known.issuer;
    const issuer = build(tenant, url, domain ? '' : new URL(url).pathname.replace(/\/$/, ''));
    runtimes.set(url, { tenant, issuer });
    issuer.catch(() => runtimes.delete(url));
    return issuer;
  }

  return {
    issuerOf,

    /** The issuer that a host and a path name; undefined where there is no such tenant, or it is suspended. */
    async resolve(host: string, path: string): Promise<Issuer | undefined> {
      if (host !== publicUrl.host) {
        const domain = host.replace(/:\d+$/, '');
        const tenant = await directory.byDomain(call(), domain);
        return tenant?.isActive ? issuerOf({ tenant, domain }) : undefined;
      }
      const slug = MOUNT.exec(path)?.[1];
      const tenant = await directory.bySlug(call(), slug ?? options.platformSlug);
      if (!tenant?.isActive || (slug !== undefined && tenant.isPlatform)) return undefined;
      return issuerOf({ tenant });
    },

    /** The issuer under which a tenant is known without a host of its own. */
    async byTenant(tenantId: TenantId): Promise<Issuer | undefined> {
      const tenant = await directory.byId(call(), tenantId);
      return tenant?.isActive ? issuerOf({ tenant }) : undefined;
    },

    /**
     * The issuer at which a session was, by its URL where it is known: also of a tenant that is suspended, whose relying
     * parties must be told. Where the tenant has given that host up, it is the one under its path.
     */
    async ofSession(tenantId: TenantId, iss: string | undefined): Promise<Issuer | undefined> {
      const tenant = await directory.byId(call(), tenantId);
      if (!tenant) return undefined;
      const domain = tenant.domains.find((one) => one === (iss && URL.parse(iss)?.hostname));
      return issuerOf({ tenant, ...(domain && { domain }) });
    },

    /** The issuer that a token names by its URL (`iss`). */
    async byUrl(url: string): Promise<Issuer | undefined> {
      if (!URL.canParse(url)) return undefined;
      const { host, pathname } = new URL(url);
      const issuer = await this.resolve(host, pathname === '/' ? '' : pathname);
      return issuer?.url === url ? issuer : undefined;
    },

    /** Runs work of our own with an issuer outside of a request: a delivery, the command line. */
    inScope: <T>(issuer: Issuer, work: () => Promise<T>): Promise<T> =>
      inRequestScope({ db, tenantId: issuer.tenant.id, ip: '', userAgent: '' }, work),

    /** For tests and metrics: how many instances are held. */
    size: () => runtimes.size,
  };
}

export type Issuers = ReturnType<typeof createIssuers>;

type Metadata = { grant_types_supported: string[] };

/**
 * The grant of our own JSON logins is nobody else's business. Whether people may be sent here to make an account is said
 * as Prompt Create 1.0 §4.1.1 has it.
 */
const publicMetadata = (metadata: Metadata, { settings }: DirectoryTenant) => ({
  ...metadata,
  grant_types_supported: metadata.grant_types_supported.filter((grant) => grant !== FIRST_PARTY_GRANT),
  prompt_values_supported: [
    ...['none', 'login', 'consent', 'select_account'],
    ...(settings.registration.selfService ? ['create'] : []),
  ],
});

/** The core would also answer `/OAuth/Token/`, past everything that stands before it and goes by the path. */
const asSpelled =
  (core: Koa.Middleware): Koa.Middleware =>
  (ctx, next) =>
    isRoute(ctx.path) ? core(ctx, next) : next();

/** Runs a stack below a mount: the core finds its routes in `ctx.path` and its cookies' paths in `ctx.mountPath`. */
export function mounted(run: Koa.Middleware, mount: string): Koa.Middleware {
  return async (ctx, next) => {
    const { path } = ctx;
    if (mount) {
      (ctx as { mountPath?: string }).mountPath = mount;
      if (path.startsWith(mount)) ctx.path = path.slice(mount.length) || '/';
    }
    try {
      await run(ctx, next);
    } finally {
      ctx.path = path;
    }
  };
}
