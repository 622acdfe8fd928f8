import './oidc/core-notices.ts';
import { STATUS_CODES } from 'node:http';
import Koa from 'koa';
import compose from 'koa-compose';
import { createEveryPage } from './account/every-page.ts';
import { accountRoutes } from './account/routes.ts';
import { createContracts } from './api/contracts.ts';
import { serveDocs } from './api/docs.ts';
import { type MountDeps, mountContracts } from './api/mount.ts';
import { presentPersonalData } from './api/v1/privacy-body.ts';
import { type Core, createCore } from './core.ts';
import { ping } from './database/pool.ts';
import type { House } from './house.ts';
import { serveAssets } from './http/asset-routes.ts';
import { type Assets, createAssets } from './http/assets.ts';
import { createClientAddress } from './http/client-address.ts';
import { createDocuments } from './http/documents.ts';
import { createErrorAnswers } from './http/error-answers.ts';
import { createHealth } from './http/health.ts';
import { createHostAllowlist } from './http/host-allowlist.ts';
import { createRateLimiter } from './http/rate-limit.ts';
import { createRenderer } from './http/render.ts';
import { createRequestLog, type RequestFacts } from './http/request-log.ts';
import { createSecurityHeaders } from './http/security-headers.ts';
import { createTexts } from './http/texts.ts';
import { confirmEmailPages } from './interactions/confirm-email.ts';
import { createCorePages } from './interactions/core-pages.ts';
import { type ErrandTools, errandRoutes } from './interactions/errand.ts';
import { invitePages } from './interactions/invite.ts';
import { createPage, languageOf } from './interactions/page.ts';
import { recoveryPages } from './interactions/recovery.ts';
import { registerPages } from './interactions/register.ts';
import { interactionRoutes } from './interactions/routes.ts';
import { networks } from './kernel/address.ts';
import type { TenantCall } from './kernel/call.ts';
import { serveDevMailbox } from './mail/dev-mailbox.ts';
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
  const { config, db, log, services, directory, metrics } = house;
  const texts = createTexts();
  const assets = createAssets();
  const page = createPage({ renderer: createRenderer({ texts, assets }), texts });
  const pages = createCorePages(page);
  const core = createCore(house, pages);
  const publicHost = new URL(config.PUBLIC_URL).host;
  const contracts = createContracts({
    ...{ tokens: core.tokens, apiKeys: services.apiKeys, directory, publicHost },
    guesses: createRateLimiter({ counters: house.counters, log }),
  });
  const clientOf = createClientAddress(config.TRUSTED_PROXIES, metrics.countGarbledForward);
  const documents = createDocuments({ log, metrics, clientOf });
  house.changes.on('tenant:', () => documents.forget());

  const app = new Koa();
  app.silent = true;
  app.use(createRequestLog({ log, clientOf, metrics }));
  app.use(createSecurityHeaders(config.PUBLIC_URL));
  app.use(createErrorAnswers(log));
  // /health, /ready, /metrics: before the host allowlist, since probes ask by address
  app.use(health(house, options.isDraining));
  app.use(knownHosts(house));
  // /assets/…
  app.use(serveAssets(assets));
  // /docs, /openapi…
  app.use(serveDocs(contracts, { version: VERSION, publicUrl: config.PUBLIC_URL, assets }));
  // /dev/mail
  if (config.NODE_ENV === 'development') app.use(devMailbox(house, assets));
  // /api/v1/…
  app.use(mountContracts(contracts, { ...operationNeeds(house, core), onBug: options.onBug }));
  // /t/:tenant/… and /: our pages, then the certified core
  const { signIn, sessions, challenges, passkeys } = services;
  const pageTools: ErrandTools = {
    page,
    callOf: (ctx) => visitorCall(house, ctx),
    readerOf: (ctx) => ({ languages: [languageOf(ctx, texts).code], base: (ctx.state['issuer'] as Issuer).url }),
  };
  const ownPages = compose([
    errandPages(house, pageTools),
    // …/interaction/…
    interactionRoutes({ ...pageTools, signIn, sessions, challenges, passkeys }),
    // …/account…
    accountRoutes({
      ...services,
      ...pageTools,
      pages: createEveryPage({
        ...{ ...services, ...pageTools, languages: texts.languages },
        writePersonalData: (call, data) => presentPersonalData(call.tenantId, call.now, data),
      }),
      limiter: limiterOf(house),
    }),
  ]);
  app.use(serveIssuers({ db, issuers: core.issuers, documents, errorPage: pages.error, pages: ownPages }));
  app.use(notFound(page));
  return { app, core, handler: documents.before(app.callback()) };
}

function health({ config, db, metrics }: House, isDraining = () => false): Koa.Middleware {
  return createHealth({
    version: VERSION,
    pingDatabase: () => ping(db),
    isMigrated: () => true,
    isDraining,
    metrics,
    internalCidrs: config.INTERNAL_ALLOWED_CIDRS,
  });
}

function knownHosts({ config, directory, changes, operator }: House): Koa.Middleware {
  const hosts = createHostAllowlist({
    publicUrl: config.PUBLIC_URL,
    loopback: config.NODE_ENV !== 'production',
    isKnownHost: async (host) => (await directory.byDomain(operator('hosts'), host)) !== undefined,
  });
  changes.on('tenant:', () => hosts.forget());
  return hosts.middleware;
}

/** Counts what people and programs ask for; nothing where a gateway does it. */
const limiterOf = ({ config, counters, log }: House) =>
  config.RATE_LIMITS ? createRateLimiter({ counters, log }) : undefined;

/** What the operations of the JSON contracts work with. */
function operationNeeds(house: House, { tokens }: Core): MountDeps {
  const { config, db, log, services } = house;
  return {
    db,
    log,
    limiter: limiterOf(house),
    services: { ...services, tokens },
    audit: services.audit,
    internal: networks(config.INTERNAL_ALLOWED_CIDRS),
    isSecure: config.PUBLIC_URL.startsWith('https:'),
  };
}

/** The letters of a development node; in production there is no such page. */
function devMailbox({ config, services, post, operator }: House, assets: Assets): Koa.Middleware {
  return serveDevMailbox({
    letters: services.letters,
    office: post,
    assets,
    internal: networks(config.INTERNAL_ALLOWED_CIDRS),
    call: () => operator('mailbox'),
  });
}

/** Our pages for who does something else than signing in: a forgotten password, a new account, the link of a letter. */
function errandPages({ services }: House, tools: ErrandTools): Koa.Middleware {
  const { recovery, registration, enrolment, captcha, signIn, verification, emailChange, invites } = services;
  const pages = {
    ...recoveryPages({ ...tools, recovery }),
    ...registerPages({ ...tools, registration, enrolment, captcha, signIn }),
    ...confirmEmailPages({ ...tools, verification, emailChange }),
    ...invitePages({ ...tools, invites, signIn }),
  };
  return errandRoutes(pages, tools);
}

/** What a request of a person on our pages may do: read and write in the tenant of its issuer, as nobody yet. */
function visitorCall({ db }: House, ctx: Koa.Context): TenantCall {
  const { tenant } = ctx.state['issuer'] as Issuer;
  const { origin } = ctx.state as RequestFacts;
  return { db, tenantId: tenant.id, actor: { kind: 'anonymous' }, now: new Date(), origin };
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
