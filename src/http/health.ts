import type { Context, Middleware } from 'koa';
import { networks, parseAddress } from '../kernel/address.ts';
import { LIMITS } from '../kernel/limits.ts';
import type { Metrics } from './metrics.ts';

type Checks = { database: 'ok' | 'unreachable'; migrations: 'ok' | 'pending'; draining: boolean };

export type HealthDeps = {
  version: string;
  /** Rejects, or never answers, when the database cannot be reached. */
  pingDatabase(): Promise<unknown>;
  isMigrated(): boolean;
  isDraining(): boolean;
  metrics: Metrics;
  /** Who may read /metrics, by the address of the socket: a forwarded header is no key. */
  internalCidrs: readonly string[];
};

/**
 * `/health`: the process lives, and no more, since a restart does not heal a database. `/ready`: requests may be sent
 * here. `/metrics`: Prometheus. Stands before the host allowlist: probes ask by address.
 */
export function createHealth(deps: HealthDeps): Middleware {
  const internal = networks(deps.internalCidrs);
  let underWay: Promise<boolean> | undefined;

  /** One question at a time, however many ask: the endpoint is open to anyone. */
  function isDatabaseReachable(): Promise<boolean> {
    underWay ??= within(LIMITS.readinessMs, deps.pingDatabase()).finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  async function ready(ctx: Context): Promise<void> {
    const checks: Checks = {
      database: (await isDatabaseReachable()) ? 'ok' : 'unreachable',
      migrations: deps.isMigrated() ? 'ok' : 'pending',
      draining: deps.isDraining(),
    };
    const isReady = checks.database === 'ok' && checks.migrations === 'ok' && !checks.draining;
    ctx.status = isReady ? 200 : 503;
    if (!isReady) ctx.set('Retry-After', '1');
    ctx.body = { status: isReady ? 'ready' : 'not_ready', checks };
  }

  async function metrics(ctx: Context): Promise<void> {
    const peer = parseAddress(ctx.req.socket.remoteAddress ?? '');
    if (!peer || !internal.has(peer)) {
      // As if it were not there; nothing behind may answer at this path.
      ctx.status = 404;
      return;
    }
    ctx.body = await deps.metrics.text();
    ctx.type = deps.metrics.contentType;
  }

  return async (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next();
    if (ctx.path === '/health') ctx.body = { status: 'ok', version: deps.version };
    else if (ctx.path === '/ready') await ready(ctx);
    else if (ctx.path === '/metrics') await metrics(ctx);
    else return next();
    ctx.state['route'] = ctx.path;
  };
}

/** Whether `work` succeeds within `ms`. Never rejects; a late failure is swallowed. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const done = work.then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
