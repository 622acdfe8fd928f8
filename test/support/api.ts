import type { Context } from 'koa';
import { z } from 'zod';
import type { Contract } from '../../src/api/contract.ts';
import { type MountDeps, mountContracts } from '../../src/api/mount.ts';
import type { Operation } from '../../src/api/operation.ts';
import type { Services } from '../../src/domain/services.ts';
import { createClientAddress } from '../../src/http/client-address.ts';
import { createErrorAnswers } from '../../src/http/error-answers.ts';
import { createMetrics } from '../../src/http/metrics.ts';
import { createRequestLog } from '../../src/http/request-log.ts';
import { createSecurityHeaders } from '../../src/http/security-headers.ts';
import { networks } from '../../src/kernel/address.ts';
import type { Actor } from '../../src/kernel/call.ts';
import { FAILURES, type FailureCode } from '../../src/kernel/failure.ts';
import { newId, type TenantId, type UserId } from '../../src/kernel/ids.ts';
import { pool } from './database.ts';
import { assertDocumented } from './documented.ts';
import { aLog, serving } from './http.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
export type ApiAnswer = { status: number; headers: Headers; text: string; body: any };

export type Request = {
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it stands. */
  raw?: NonNullable<RequestInit['body']>;
};

export type Send = (method: string, path: string, request?: Request) => Promise<ApiAnswer>;

/** Sends requests to a port of this machine. An answer that the documentation does not have fails the test; `seen` gets it first. */
export function sender(port: () => number, seen: (answer: ApiAnswer) => void = () => {}): Send {
  return async (method, path, { headers = {}, body, raw } = {}) => {
    const response = await fetch(`http://127.0.0.1:${port()}${path}`, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(raw !== undefined && { body: raw, duplex: 'half' }),
      redirect: 'manual',
    } as RequestInit);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json');
    const answer: ApiAnswer = {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text ? JSON.parse(text) : undefined,
    };
    seen(answer);
    assertDocumented(method, path, answer);
    return answer;
  };
}

export type ServedContracts = { send: Send; port(): number; bugs: unknown[]; log: ReturnType<typeof aLog> };

/**
 * Serves contracts for the tests of one `describe`, behind the middlewares that stand before them in the house. What the
 * mount calls a bug of ours fails the test that met it, unless the test takes it out of `bugs`.
 */
export function servingContracts(
  contracts: () => readonly Contract[],
  deps: () => Partial<MountDeps> = () => ({}),
): ServedContracts {
  const bugs: unknown[] = [];
  const log = aLog();
  let served: Awaited<ReturnType<typeof serving>>;
  before(async () => {
    served = await serving([
      createRequestLog({ log: log.log, clientOf: createClientAddress([]), metrics: createMetrics() }),
      createSecurityHeaders('http://id.test'),
      createErrorAnswers(log.log),
      mountContracts(contracts(), {
        db: pool(),
        services: {} as Services,
        log: log.log,
        internal: networks(['127.0.0.0/8']),
        isSecure: false,
        onBug: (error) => bugs.push(error),
        ...deps(),
      }),
    ]);
  });
  after(() => served.stop());
  afterEach(() => {
    const [bug] = bugs.splice(0);
    if (bug) throw bug;
  });
  return { send: sender(() => served.port), port: () => served.port, bugs, log };
}

/** A person of some tenant, who exists nowhere. */
export const someone = (more: { roles?: string[]; permissions?: string[] } = {}): Extract<Actor, { kind: 'user' }> => ({
  kind: 'user',
  userId: newId<UserId>(),
  sessionUid: newId(),
  roles: [],
  permissions: [],
  ...more,
});

/** A small contract. Who calls stands in `callerOf`, which a test gives; nobody unless told. */
export function aContract(operations: Record<string, Operation>, more: Partial<Contract> = {}): Contract {
  return {
    name: 'tiny',
    title: 'Tiny',
    description: 'For tests.',
    bases: ['/tiny'],
    tenantParameters: [{ in: 'query', name: 'tenant', description: 'The tenant.' }],
    security: { name: 'tiny', scheme: { type: 'http', scheme: 'bearer' } },
    tenantOf: async () => undefined,
    callerOf: async (_ctx: Context, call) => ({ ...call, tenantId: newId<TenantId>() }),
    failures: Object.fromEntries(
      (Object.keys(FAILURES) as FailureCode[]).map((code) => [
        code,
        { status: STATUSES[code] ?? 422, code: `TINY_${code}` },
      ]),
    ) as Contract['failures'],
    errorBody: ({ code, message, requestId, details, extra }) => ({
      code,
      message,
      requestId,
      ...(details && { details }),
      ...extra,
    }),
    errorSchema: z.object({ code: z.string(), message: z.string(), requestId: z.string() }),
    operations,
    ...more,
  };
}

/** A caller for `callerOf`. */
export const calledBy =
  (actor: Actor): Contract['callerOf'] =>
  async (_ctx, call) => ({ ...call, actor, tenantId: newId<TenantId>() });

const STATUSES: Partial<Record<FailureCode, number>> = {
  invalid_input: 400,
  unauthenticated: 401,
  forbidden: 403,
  cross_tenant: 403,
  not_found: 404,
  user_not_found: 404,
  method_not_allowed: 405,
  idempotency_key_required: 400,
  idempotency_mismatch: 409,
  idempotency_in_flight: 409,
  precondition_failed: 412,
  too_large: 413,
  unsupported_media: 415,
  rate_limited: 429,
  internal: 500,
  busy: 503,
};
