import type { Context, Middleware } from 'koa';
import type { Origin } from '../kernel/call.ts';
import { LIMITS } from '../kernel/limits.ts';
import { type Log, type LogFacts, withLogFacts } from '../kernel/log.ts';
import { redactPath } from '../kernel/redact.ts';
import type { Client } from './client-address.ts';
import type { Metrics } from './metrics.ts';
import { requestIdOf } from './request-id.ts';

/** What the outermost middleware knows of a request; `ctx.state` of every later one. */
export type RequestFacts = {
  origin: Origin;
  /** As the client sees it; trusted proxies may have taken TLS off. */
  protocol: 'http' | 'https';
};

/**
 * The outermost middleware: gives the request its id (`X-Request-Id` of the caller where its grammar holds, else a new
 * one; echoed), its client and its log lines' facts, and writes one line and one measurement when the answer is out. The
 * line has the path without its query, and never a header.
 */
export function createRequestLog(deps: {
  log: Log;
  clientOf(request: Context['req']): Client;
  metrics: Metrics;
}): Middleware {
  const { log, clientOf, metrics } = deps;

  return async (ctx, next) => {
    const start = performance.now();
    const { ip, protocol } = clientOf(ctx.req);
    const requestId = requestIdOf(ctx.get('x-request-id'));
    const facts: LogFacts = { requestId };
    const state: RequestFacts = {
      origin: { ip, userAgent: ctx.get('user-agent').slice(0, LIMITS.userAgentChars), requestId },
      protocol,
    };
    Object.assign(ctx.state, state);
    ctx.res.setHeader('X-Request-Id', requestId);
    const { method, originalUrl } = ctx;

    ctx.res.once('close', () => {
      const ms = performance.now() - start;
      const status = ctx.res.headersSent ? ctx.res.statusCode : 499;
      metrics.observeRequest(method, routeOf(ctx), status, ms / 1000);
      if (!log.isLevelEnabled('info')) return;
      const line = { method, path: redactPath(originalUrl), status, ms: Math.round(ms * 10) / 10, ip };
      // 'close' is emitted outside of the request's asynchronous context.
      withLogFacts(facts, () => log.info(line, 'request'));
    });
    await withLogFacts(facts, next);
  };
}

/** The route's pattern, which is one of few, never the path, which is one of any number. */
function routeOf(ctx: Context): string {
  const { route } = ctx.state as { route?: unknown };
  if (typeof route === 'string') return route;
  const { _matchedRoute: matched } = ctx as { _matchedRoute?: unknown };
  return typeof matched === 'string' ? matched : 'unmatched';
}
