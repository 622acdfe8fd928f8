import type { Knex } from 'knex';
import type { Context, Middleware } from 'koa';
import type { Services } from '../domain/services.ts';
import { readJson } from '../http/json-body.ts';
import { type RateLimiter, rateHeaders, type Spent } from '../http/rate-limit.ts';
import { traceparentOf } from '../http/request-id.ts';
import { parseUrlEncoded } from '../http/url-encoded.ts';
import { type Networks, networkOf } from '../kernel/address.ts';
import type { OperatorCall, Origin, TenantCall } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import { addLogFacts, type Log } from '../kernel/log.ts';
import { assertAccess, assertInternal } from './access.ts';
import { browserOf } from './browser.ts';
import type { Contract } from './contract.ts';
import { parseInput } from './input.ts';
import { type Answer, absentCode, commonFailures, type OpenCall, type Operation, wantsCaller } from './operation.ts';
import { answerFailure, failureOf } from './refusal.ts';
import { createRoutes, type Route } from './routes.ts';
import { noBody, noQuery } from './schemas.ts';

export type MountDeps = {
  db: Knex;
  services: Services;
  log: Log;
  /** Absent where a gateway limits. */
  limiter?: RateLimiter | undefined;
  /** Who may use `internal` operations. */
  internal: Networks;
  /** Whether browsers reach us over https. */
  isSecure: boolean;
  /** Told of what is no refusal but a mistake of ours, after it was logged. */
  onBug?: ((error: unknown) => void) | undefined;
};

/**
 * Serves the operations of all contracts. For each of them, in this order: limits of the address, caller, access, limits
 * of the caller, path, query, body, handler, answer. Everything that is refused on the way is answered in the
 * contract's own envelope. A known path with another method is 405 with `Allow`; an unknown one below a contract's base
 * is 404; any other request goes on.
 *
 * Stands behind `requestLog`, which gives `ctx.state.origin`.
 */
export function mountContracts(contracts: readonly Contract[], deps: MountDeps): Middleware {
  const routes = createRoutes(contracts);
  return async (ctx, next) => {
    const found = routes.find(ctx.method, ctx.path);
    if (!found) return next();
    const { contract } = found.kind === 'route' ? found.route : found;
    ctx.state['traceparent'] = traceparentOf(ctx.get('traceparent') || undefined);
    ctx.set('Cache-Control', 'no-store');
    ctx.vary(
      [
        'Authorization',
        'Cookie',
        ...contract.tenantParameters.flatMap((parameter) => (parameter.in === 'header' ? [parameter.name] : [])),
      ].join(', '),
    );
    if (found.kind === 'absent') return answerFailure(ctx, contract, new Failure('not_found'));
    if (found.kind === 'method') {
      ctx.set('Allow', found.allow);
      return answerFailure(ctx, contract, new Failure('method_not_allowed'));
    }
    await serve(ctx, found.route, found.params, deps);
  };
}

async function serve(ctx: Context, route: Route, params: Record<string, string>, deps: MountDeps): Promise<void> {
  const { contract, operation } = route;
  ctx.state['route'] = operation.path;
  try {
    const { status, body } = await run(ctx, route, params, deps);
    const schema = operation.answers[status];
    // Parsed always, not in tests alone: what the schema does not name never leaves, whatever a service returns.
    ctx.body = schema ? schema.parse(body) : null;
    ctx.status = status; // after the body: Koa turns a null body into 204
  } catch (error) {
    const failure = failureOf(error, [...operation.failures, ...commonFailures(operation)]);
    if (failure.code === 'internal' || failure.code === 'busy')
      deps.log.error({ err: error, operation: route.name }, 'operation failed');
    if (failure.code === 'internal') deps.onBug?.(error);
    answerFailure(ctx, contract, failure);
  }
}

async function run(
  ctx: Context,
  { contract, operation }: Route,
  params: Record<string, string>,
  deps: MountDeps,
): Promise<Answer> {
  const origin = ctx.state['origin'] as Origin;
  const asked: OperatorCall = { db: deps.db, actor: { kind: 'anonymous' }, now: new Date(), origin };
  const spent: Spent[] = [];
  await limit(ctx, operation, 'ip', networkOf(origin.ip), spent, deps.limiter);
  const call = await callOf(ctx, contract, operation, asked, deps.internal);
  assertAccess(operation.access, call.actor);
  if (call.actor.kind === 'user') await limit(ctx, operation, 'user', call.actor.userId, spent, deps.limiter);
  const request = {
    call: call as TenantCall & OpenCall,
    params: operation.params && pathOf(operation, params),
    query: queryOf(ctx, contract, operation),
    body: await bodyOf(ctx, operation),
    browser: browserOf(ctx, deps.isSecure),
    answer,
  };
  return operation.handle(request as never, deps.services);
}

const answer = (status: number, body: unknown) => ({ status, body }) as Answer;

async function callOf(
  ctx: Context,
  contract: Contract,
  operation: Operation,
  asked: OperatorCall,
  internal: Networks,
): Promise<TenantCall | OpenCall> {
  if (operation.access === 'internal') assertInternal(ctx, internal);
  const call = wantsCaller(operation)
    ? await contract.callerOf(ctx, asked)
    : { ...asked, tenantId: await contract.tenantOf(ctx, asked) };
  addLogFacts({ ...(call.tenantId && { tenantId: call.tenantId }), actor: call.actor });
  return call;
}

/** Counts the request by the operation's rules, and tells the caller. @throws Failure `rate_limited` */
async function limit(
  ctx: Context,
  { rate = [] }: Operation,
  per: 'ip' | 'user',
  who: string,
  spent: Spent[],
  limiter: RateLimiter | undefined,
): Promise<void> {
  for (const rule of limiter ? rate : []) {
    const result = rule.per === per ? await limiter!.spend(rule, who) : undefined;
    if (!result) continue;
    spent.push(result);
    ctx.set(rateHeaders(spent));
    if (result.isOver) throw new Failure('rate_limited', { rule: rule.name, retryAfter: result.resetSeconds });
  }
}

function pathOf(operation: Operation, params: Record<string, string>): unknown {
  const result = operation.params?.safeParse(params);
  if (result?.success) return result.data;
  throw new Failure(absentCode(operation));
}

function queryOf(ctx: Context, contract: Contract, operation: Operation): unknown {
  const fields = parseUrlEncoded(ctx.querystring);
  for (const parameter of contract.tenantParameters) if (parameter.in === 'query') delete fields[parameter.name];
  const query = parseInput(operation.query ?? noQuery, fields);
  return operation.query && query;
}

async function bodyOf(ctx: Context, operation: Operation): Promise<unknown> {
  const body = parseInput(operation.body ?? noBody, await readJson(ctx));
  return operation.body && body;
}
