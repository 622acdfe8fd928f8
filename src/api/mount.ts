import type { Knex } from 'knex';
import type { Context, Middleware } from 'koa';
import type { z } from 'zod';
import type { AuditService } from '../domain/audit/audit-service.ts';
import type { Services } from '../domain/services.ts';
import { readJson } from '../http/json-body.ts';
import { type RateLimiter, type RateRule, rateHeaders, type Spent } from '../http/rate-limit.ts';
import { traceparentOf } from '../http/request-id.ts';
import { uploadOf } from '../http/upload.ts';
import { type Fields, parseUrlEncoded } from '../http/url-encoded.ts';
import { type Networks, networkOf } from '../kernel/address.ts';
import { nameOfActor, type OperatorCall, type Origin, type TenantCall } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import { addLogFacts, type Log } from '../kernel/log.ts';
import { assertAccess, assertInternal } from './access.ts';
import { browserOf } from './browser.ts';
import type { Contract } from './contract.ts';
import { keyOf, replyOnce } from './idempotency.ts';
import { parseInput } from './input.ts';
import {
  type Answer,
  absentCode,
  commonFailures,
  isConditional,
  type More,
  type OpenCall,
  type Operation,
  wantsCaller,
} from './operation.ts';
import { expectedOf } from './precondition.ts';
import { answerFailure, failureOf, type Known, noteRefusal } from './refusal.ts';
import { type Reply, replyOf, sendReply, sendStream } from './reply.ts';
import { createRoutes, type Route } from './routes.ts';
import { noBody, noQuery } from './schemas.ts';

export type MountDeps = {
  db: Knex;
  services: Services;
  /** Hears of the refusals that matter; those of one operation about its own, the services tell themselves. */
  audit?: Pick<AuditService, 'recordRefusal'> | undefined;
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
  const known: Known = {};
  try {
    await run(ctx, route, params, known, deps);
  } catch (error) {
    const failure = failureOf(error, [...operation.failures, ...commonFailures(operation)]);
    await noteRefusal(route, params, known, failure, deps);
    if (failure.code === 'internal' || failure.code === 'busy')
      deps.log.error({ err: error, operation: route.name }, 'operation failed');
    if (failure.code === 'internal') deps.onBug?.(error);
    answerFailure(ctx, contract, failure);
  }
}

async function run(
  ctx: Context,
  route: Route,
  values: Record<string, string>,
  known: Known,
  deps: MountDeps,
): Promise<void> {
  const { contract, operation } = route;
  const origin = ctx.state['origin'] as Origin;
  const open: OperatorCall = { db: deps.db, actor: { kind: 'anonymous' }, now: new Date(), origin };
  const spent: Spent[] = [];
  await limit(ctx, operation, 'ip', networkOf(origin.ip), spent, deps.limiter);
  const call = await callOf(ctx, contract, operation, open, known, deps.internal);
  assertAccess(operation.access, call.actor);
  await limit(ctx, operation, 'user', userOf(call), spent, deps.limiter);
  await limit(ctx, operation, 'tenant', call.tenantId, spent, deps.limiter);
  const params = operation.params && pathOf(operation, values);
  const fields = queryOf(ctx, contract);
  const query = parsedBy(operation.query, noQuery, fields);
  const { services } = deps;
  const file = operation.uploads && (await takeFile(ctx, call as TenantCall, operation.uploads, services));
  const given = file ? { digest: file.digest } : await readJson(ctx);
  const asked = {
    params,
    query,
    body: file ? undefined : parsedBy(operation.body, noBody, given),
    browser: browserOf(ctx, deps.isSecure),
    expected: isConditional(operation) ? expectedOf(ctx) : undefined,
  };
  const prepare = async () => operation.prepare?.({ ...asked, call } as never, services);
  const handle = (within: OpenCall | TenantCall, ready: unknown) =>
    operation.handle({ ...asked, call: within, ready, file, answer, stream } as never, services);

  const key = keyOf(ctx, operation);
  if (key === undefined) return sendAnswer(ctx, operation, await handle(call, await prepare()));
  const work = async (tx: OpenCall, ready: unknown) => withCookies(ctx, replyOf(operation, await handle(tx, ready)));
  const keyed = { key, asked: { params: values, query: fields, body: given }, prepare, work };
  sendReply(ctx, await replyOnce(route, call, keyed, services.idempotency));
}

/** Takes a file in, and tells it from others by its digest. @throws Failure `too_large`, `job_limit`, `unsupported_media` */
async function takeFile(ctx: Context, call: TenantCall, types: readonly string[], { jobs }: Pick<Services, 'jobs'>) {
  const { type, bytes, digest } = uploadOf(ctx, types);
  const file = await jobs.files.receive(call, bytes, { type });
  return { id: file.id, bytes: file.bytes, type, digest: digest() };
}

const answer = (status: number, body: unknown, more: More = {}) => ({ status, body, more }) as Answer;

const stream = (type: string, rows: AsyncIterable<string>, filename?: string) =>
  ({ status: 200, body: null, more: {}, stream: { type, rows, filename } }) as Answer;

function sendAnswer(ctx: Context, operation: Operation, given: Answer): void {
  if (given.stream) sendStream(ctx, operation, given.stream);
  else sendReply(ctx, replyOf(operation, given));
}

/** What the handler told the browser belongs to its answer. */
function withCookies(ctx: Context, reply: Reply): Reply {
  const cookies = ctx.response.headers['set-cookie'];
  return cookies === undefined ? reply : { ...reply, headers: { ...reply.headers, 'Set-Cookie': cookies } };
}

/** Whose requests are counted together; undefined for a stranger. */
function userOf({ tenantId, actor }: OpenCall | TenantCall): string | undefined {
  return actor.kind === 'anonymous' ? undefined : `${tenantId} ${nameOfActor(actor)}`;
}

async function callOf(
  ctx: Context,
  contract: Contract,
  operation: Operation,
  asked: OperatorCall,
  known: Known,
  internal: Networks,
): Promise<TenantCall | OpenCall> {
  if (operation.access === 'internal') assertInternal(ctx, internal);
  if (!wantsCaller(operation)) {
    const tenantId = await contract.tenantOf(ctx, asked);
    addLogFacts({ ...(tenantId && { tenantId }), actor: asked.actor });
    return { ...asked, tenantId };
  }
  const call = await contract.callerOf(ctx, asked);
  known.call = call;
  addLogFacts(call);
  const named = await contract.tenantOf(ctx, asked);
  if (named !== undefined && named !== call.tenantId) throw new Failure('cross_tenant');
  return call;
}

/** Counts the request by the operation's rules, and tells the caller. @throws Failure `rate_limited` */
async function limit(
  ctx: Context,
  { rate = [] }: Operation,
  per: RateRule['per'],
  who: string | undefined,
  spent: Spent[],
  limiter: RateLimiter | undefined,
): Promise<void> {
  for (const rule of limiter && who !== undefined ? rate : []) {
    const result = rule.per === per ? await limiter!.spend(rule, who!) : undefined;
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

function queryOf(ctx: Context, contract: Contract): Fields {
  const fields = parseUrlEncoded(ctx.querystring);
  for (const parameter of contract.tenantParameters) if (parameter.in === 'query') delete fields[parameter.name];
  return fields;
}

/** What a schema makes of the input; without one of its own, an operation takes what `none` takes and sees nothing. */
function parsedBy(schema: z.ZodType | undefined, none: z.ZodType, input: unknown): unknown {
  const parsed = parseInput(schema ?? none, input);
  return schema && parsed;
}
