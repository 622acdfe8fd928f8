import type { RequestListener } from 'node:http';
import type { Context } from 'koa';
import { LRUCache } from 'lru-cache';
import { LIMITS } from '../kernel/limits.ts';
import { type Log, withLogFacts } from '../kernel/log.ts';
import { redactPath } from '../kernel/redact.ts';
import type { Client } from './client-address.ts';
import { onlyHost } from './host-allowlist.ts';
import type { Metrics } from './metrics.ts';
import { requestIdOf } from './request-id.ts';

type Kept = { head: string[]; body: Buffer; route: string };

export type Documents = {
  /** Counts how often everything was forgotten: take it before the document is looked up, and give it to `keep`. */
  generation(): number;
  /**
   * Answers with a public document, and keeps the answer, head and all, for whoever asks for the same URL after this.
   * Nothing is kept when `forget` was called since `generation`, nor for a URL with a query, of which there is any number.
   */
  answer(ctx: Context, document: { body: Buffer; route: string; generation: number }): void;
  /** Forgets all that was kept: when a tenant, its keys or its domains have changed. */
  forget(): void;
  /** Answers what is kept, and hands all other requests on. */
  before(next: RequestListener): RequestListener;
};

/**
 * Public documents as bytes, in front of everything else: discovery and JWKS are asked for by every verifier there is. An
 * answer is kept only after it went the whole way once, so host, tenant and security headers have been seen to; from
 * then on it is one look-up. It has a request id, a line in the log and a measurement like any other.
 */
export function createDocuments(deps: {
  log: Log;
  metrics: Metrics;
  clientOf(request: Context['req']): Client;
}): Documents {
  const { log, metrics, clientOf } = deps;
  const known = new LRUCache<string, Kept>({ max: LIMITS.documents });
  let generation = 0;

  return {
    generation: () => generation,

    answer(ctx, { body, route, generation: since }) {
      ctx.state['route'] = route;
      ctx.body = body;
      const host = onlyHost(ctx.req);
      if (ctx.method !== 'GET' || since !== generation || host === undefined || ctx.originalUrl.includes('?')) return;
      const names = ctx.res.getHeaderNames().filter((name) => name !== 'x-request-id');
      known.set(host + ctx.originalUrl, {
        head: names.flatMap((name) => [name, String(ctx.res.getHeader(name))]),
        body,
        route,
      });
    },

    forget() {
      generation += 1;
      known.clear();
    },

    before: (next) => (request, response) => {
      const host = request.method === 'GET' ? onlyHost(request) : undefined;
      const kept = host === undefined ? undefined : known.get(host + request.url);
      if (!kept) return next(request, response);
      const start = performance.now();
      const requestId = requestIdOf(request.headers['x-request-id'] as string | undefined);
      response.writeHead(200, [...kept.head, 'X-Request-Id', requestId]);
      response.end(kept.body);
      const ms = performance.now() - start;
      metrics.observeRequest('GET', kept.route, 200, ms / 1000);
      if (!log.isLevelEnabled('info')) return;
      const line = {
        method: 'GET',
        path: redactPath(request.url!),
        status: 200,
        ms: Math.round(ms * 10) / 10,
        ip: clientOf(request).ip,
      };
      withLogFacts({ requestId }, () => log.info(line, 'request'));
    },
  };
}
