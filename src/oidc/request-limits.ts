import type { Context, Middleware } from 'koa';
import type { Client, KoaContextWithOIDC } from 'oidc-provider';
import type { RateLimiter, RateRule, Spent } from '../http/rate-limit.ts';
import { networkOf } from '../kernel/address.ts';
import type { Origin } from '../kernel/call.ts';
import type { TenantId } from '../kernel/ids.ts';
import { LIMITS } from '../kernel/limits.ts';
import type { ClientRate } from './client-rate.ts';
import { TooManyRequests } from './too-many-requests.ts';

/** Failed authentications of clients from one address: a secret is not guessed, but guessing costs us work. */
const FAILURES: RateRule = {
  name: 'client-authentication',
  points: LIMITS.clientAuthFailures,
  seconds: LIMITS.clientAuthWindowSeconds,
  per: 'ip',
  count: 'exact',
};

/** Requests of one address that leave a row for somebody who has proven nothing yet. Generous: offices share one. */
const PENDING: RateRule = {
  name: 'pending-requests',
  points: LIMITS.pendingRequests,
  seconds: LIMITS.pendingWindowSeconds,
  per: 'ip',
  count: 'reported',
};

const AUTHENTICATED = new Set(['/oauth/token', '/oauth/introspect', '/oauth/revoke', '/oauth/par', '/oauth/device']);
const BEGINNINGS = new Set(['GET /oauth/authorize', 'POST /oauth/par', 'POST /oauth/device']);
/** What such a request leaves behind, as the core names it. */
const LEFT = ['Interaction', 'PushedAuthorizationRequest', 'DeviceCode'] as const;

export type RequestLimits = { tenantId: TenantId; rates: RateLimiter; clientRate: Pick<ClientRate, 'spend'> };

/** Limits what strangers can make an issuer do, and each client to its own rate. Requests of our own have no limit. */
export function limitRequests({ tenantId, rates, clientRate }: RequestLimits): Middleware {
  return async (ctx, next) => {
    const { origin } = ctx.state as { origin?: Origin };
    if (!origin) return next();
    const who = `${tenantId}:${networkOf(origin.ip)}`;
    const authenticates = ctx.method === 'POST' && AUTHENTICATED.has(ctx.path);
    const begins = BEGINNINGS.has(`${ctx.method} ${ctx.path}`);
    if (authenticates) assertBelow(rates.standing(FAILURES, who));
    if (begins) assertBelow(rates.standing(PENDING, who));
    await next();
    if (authenticates && ctx.status === 401) await rates.spend(FAILURES, who);
    if (begins && leavesRow(ctx)) await rates.spend(PENDING, who);
    if (ctx.path === '/oauth/token') await spendOfClient(ctx);
  };

  /**
   * After the authentication, so that nobody uses up what another may do; before anything is kept. What the core has
   * refused is counted too, and stays refused in its words: what it wrote (the end of a family that came again) is to stay.
   */
  async function spendOfClient(ctx: Context): Promise<void> {
    const { client } = (ctx as unknown as KoaContextWithOIDC).oidc;
    if (!client || !hasProven(ctx, client)) return;
    const spent = await clientRate.spend(client);
    if (spent?.isOver && ctx.status === 200) throw new TooManyRequests(spent.resetSeconds);
  }
}

/** Whether the client has authenticated. One that has nothing to do it with has shown no more than its id, until it succeeds. */
function hasProven(ctx: Context, client: Client): boolean {
  if (ctx.status === 200) return true;
  const { error } = (ctx.body ?? {}) as { error?: unknown };
  return client.clientAuthMethod !== 'none' && ctx.status === 400 && error !== 'invalid_request';
}

/** The next request is one too many. */
function assertBelow(standing: Spent | undefined): void {
  if (standing && standing.remaining === 0) throw new TooManyRequests(standing.resetSeconds);
}

function leavesRow(ctx: Context): boolean {
  if (ctx.status >= 400) return false;
  const { entities } = (ctx as unknown as KoaContextWithOIDC).oidc;
  return LEFT.some((name) => entities[name] !== undefined);
}
