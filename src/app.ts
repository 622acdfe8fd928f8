import './oidc/core-notices.ts';
import { STATUS_CODES } from 'node:http';
import Koa from 'koa';
import { createContracts } from './api/contracts.ts';
import { serveDocs } from './api/docs.ts';
import { mountContracts } from './api/mount.ts';
import { createCore } from './core.ts';
import { ping } from './database/pool.ts';
import type { House } from './house.ts';
import { serveAssets } from './http/asset-routes.ts';
import { createAssets } from './http/assets.ts';
import { createClientAddress } from './http/client-address.ts';
import { createErrorAnswers } from './http/error-answers.ts';
import { createHealth } from './http/health.ts';
import { createHostAllowlist } from './http/host-allowlist.ts';
import { createRateLimiter } from './http/rate-limit.ts';
import { createRenderer } from './http/render.ts';
import { createRequestLog, type RequestFacts } from './http/request-log.ts';
import { createSecurityHeaders } from './http/security-headers.ts';
import { createTexts } from './http/texts.ts';
import { createCorePages } from './interactions/core-pages.ts';
import { createPage } from './interactions/page.ts';
import { interactionRoutes } from './interactions/routes.ts';
import { networks } from './kernel/address.ts';
import type { TenantCall } from './kernel/call.ts';
import { serveIssuers } from './oidc/front.ts';
import type { Issuer } from './oidc/issuers.ts';
import { VERSION } from './version.ts';

export type AppOptions = {
  isDraining?: () => boolean;
  /** Hears of mistakes of ours that a contract answered with 500; tests listen. */
  onBug?: (error: unknown) => void;
};

/** The whole house on one page: what is built from what, and which URL goes where, top to bottom. */
export function createApp(house: House, options: AppOptions = {}) {
  const { isDraining = () => false } = options;
  const { config, db, log, services, directory, metrics } = house;
  const texts = createTexts();
  const assets = createAssets();
  const page = createPage({ renderer: createRenderer({ texts, assets }), texts });
  const pages = createCorePages(page);
  const core = createCore(house, pages);
  const hosts = createHostAllowlist({
    publicUrl: config.PUBLIC_URL,
    loopback: config.NODE_ENV !== 'production',
    isKnownHost: async (host) => (await directory.byDomain(house.operator('hosts'), host)) !== undefined,
  });
  house.changes.on('tenant:', () => hosts.forget());

  /** What a request of a person on our pages may do: read and write in the tenant of its issuer, as nobody yet. */
  const callOf = (ctx: Koa.Context): TenantCall => {
    const { tenant } = ctx.state['issuer'] as Issuer;
    return {
      db,
      tenantId: tenant.id,
      actor: { kind: 'anonymous' },
      now: new Date(),
      origin: (ctx.state as RequestFacts).origin,
    };
  };

  const contracts = createContracts({ tokens: core.tokens, directory, publicHost: new URL(config.PUBLIC_URL).host });
  const limiter = config.RATE_LIMITS ? createRateLimiter({ counters: house.counters, log }) : undefined;

  const app = new Koa();
  app.silent = true;
  app.use(
    createRequestLog({
      log,
      clientOf: createClientAddress(config.TRUSTED_PROXIES, metrics.countGarbledForward),
      metrics,
    }),
  );
  app.use(createSecurityHeaders(config.PUBLIC_URL));
  app.use(createErrorAnswers(log));
  app.use(
    createHealth({
      version: VERSION,
      pingDatabase: () => ping(db),
      isMigrated: () => true,
      isDraining,
      metrics,
      internalCidrs: config.INTERNAL_ALLOWED_CIDRS,
    }),
  );
  app.use(hosts.middleware);
  app.use(serveAssets(assets)); //                                                    /assets/…
  app.use(serveDocs(contracts, { version: VERSION, publicUrl: config.PUBLIC_URL, assets })); //   /docs, /openapi…
  app.use(
    mountContracts(contracts, {
      //                                              /api/v1/…
      db,
      log,
      limiter,
      services: { ...services, tokens: core.tokens },
      internal: networks(config.INTERNAL_ALLOWED_CIDRS),
      isSecure: config.PUBLIC_URL.startsWith('https:'),
      onBug: options.onBug,
    }),
  );
  app.use(
    serveIssuers({
      //                          /t/:tenant/… and /: our pages, then the certified core
      db,
      issuers: core.issuers,
      errorPage: pages.error,
      pages: interactionRoutes({ page, callOf, signIn: services.signIn, sessions: services.sessions }),
    }),
  );
  app.use(notFound(page));
  return { app, core };
}

/** Nothing has answered: a person gets a page, a program the code. */
function notFound(page: ReturnType<typeof createPage>): Koa.Middleware {
  return async (ctx) => {
    if (ctx.body !== undefined) return;
    if (ctx.accepts('json', 'html') === 'html') return page(ctx, 'not-found', {}, 404);
    ctx.status = 404;
    ctx.body = { error: 'not_found', error_description: STATUS_CODES[404] };
  };
}
