import type { z } from 'zod';
import type { Services } from '../domain/services.ts';
import type { RateRule } from '../http/rate-limit.ts';
import type { Actor, OperatorCall, TenantCall } from '../kernel/call.ts';
import type { FailureCode } from '../kernel/failure.ts';
import type { JobFileId, TenantId } from '../kernel/ids.ts';
import type { Expected } from '../kernel/version.ts';
import type { Browser } from './browser.ts';

/**
 * What a caller must show before the handler runs. There is no default: an operation says it, or does not compile.
 *
 * - `anonymous`: nothing; a token that is sent all the same is not looked at.
 * - `proof`: nothing here; the body carries the proof (a challenge, a refresh token, a letter's token), and the handler
 *   asks the domain for its judgement before anything else.
 * - `signed-in`: a user with a live session.
 * - `known`: a user with a live session, or a client by its own token: what they see is theirs.
 * - `tenant-admin`: a user with TENANT_ADMIN in their tenant, or SUPER_ADMIN; where the path names a tenant, the handler
 *   asks whether it is that one. `super`: a user with SUPER_ADMIN.
 * - `internal`: an address of the operator's own networks, by the socket.
 * - `permission`: a user or a client who holds it.
 */
export type Access =
  | 'anonymous'
  | 'proof'
  | 'signed-in'
  | 'known'
  | 'tenant-admin'
  | 'super'
  | 'internal'
  | { permission: string };

/** A call of somebody unknown, in the tenant that was named, if any was. */
export type OpenCall = OperatorCall & { readonly tenantId: TenantId | undefined };
export type UserCall = TenantCall & { readonly actor: Extract<Actor, { kind: 'user' }> };

type CallFor<A extends Access> = A extends 'anonymous' | 'proof' | 'internal'
  ? OpenCall
  : A extends 'signed-in' | 'tenant-admin' | 'super'
    ? UserCall
    : TenantCall;

type Schema = z.ZodType;
type Answers = Record<number, Schema | null>;
type Parsed<S> = S extends Schema ? z.output<S> : undefined;

declare const declared: unique symbol;
/** What an answer says beside its body. */
export type More = {
  /** The version of the thing that is shown (`kernel/version.ts`): its ETag. */
  version?: string;
  /** The path of what was made. */
  location?: string;
};

/** Made only by `answer` and `stream`, so a handler cannot answer what its operation does not declare. */
export type Answer = {
  status: number;
  body: unknown;
  more: More;
  stream?: { type: string; rows: AsyncIterable<string>; filename?: string | undefined };
  [declared]: true;
};

/** A file that was taken in; it is removed within an hour unless a job is given it. */
export type TakenFile = { id: JobFileId; type: string; bytes: number };

/** What every step of an operation is given. */
type Asked<A extends Access, Params, Query, Body> = {
  call: CallFor<A>;
  params: Parsed<Params>;
  query: Parsed<Query>;
  body: Parsed<Body>;
  browser: Browser;
  /** The versions of which the thing must be one (`If-Match`), for a service that holds its row; of `versioned` only. */
  expected: Expected;
};

/** One HTTP operation, said once. The router, the validation, the OpenAPI page and the contract tests all read it. */
export type Operation<
  A extends Access = Access,
  Params extends Schema | undefined = Schema | undefined,
  Query extends Schema | undefined = Schema | undefined,
  Body extends Schema | undefined = Schema | undefined,
  Out extends Answers = Answers,
  Ready = unknown,
> = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** The whole documented path, so that searching the tree for a URL finds its operation. */
  path: `/${string}`;
  summary: string;
  /** What the summary leaves open; shown in the documentation. */
  description?: string;
  access: A;
  /** What does not match is answered like an id that nobody has. */
  params?: Params;
  /** A strict object; without one, no parameter is allowed but those of the contract. */
  query?: Query;
  /** A strict object, or an optional one; without one, the body is empty. */
  body?: Body;
  /** Media types of a file that comes instead of a body. It is taken in whole before the handler runs, for a job. */
  uploads?: readonly string[];
  /** Body by status; `null` for a status without one. What the schema does not name is not sent. */
  answers: Out;
  /** The refusals this operation can give besides `commonFailures`. */
  failures: readonly FailureCode[];
  /** Counted before the caller is known (`per: 'ip'`) or after (`per: 'user'`, `per: 'tenant'`). */
  rate?: readonly RateRule[];
  /**
   * Whether a request may carry an `Idempotency-Key`, or must: the same again gets the same answer for a day. With a key,
   * `handle` runs in one transaction with the kept answer, so it must ask nobody outside of the database, write nothing
   * that is to survive a refusal, and not hash: that belongs to `prepare`.
   */
  idempotent?: 'required' | 'honoured';
  /** The thing has a version: answers show it as ETag, and a change asks for it by `If-Match` (`expected`). */
  versioned?: true;
  /** Media types in which a 200 may be streamed instead. */
  streams?: readonly string[];
  /** Shown in the documentation, and sent by the generated tests: it must be valid. */
  example?: {
    params?: Params extends Schema ? z.input<Params> : never;
    query?: Query extends Schema ? z.input<Query> : never;
    body?: Body extends Schema ? z.input<Body> : never;
    answer?: unknown;
  };
  /** Runs before `handle`, and outside of its transaction; not for a request whose answer is kept already. */
  prepare?(asked: Asked<A, Params, Query, Body>, services: Services): Promise<Ready>;
  handle(
    request: Asked<A, Params, Query, Body> & {
      /** What `prepare` gave. */
      ready: Ready;
      /** What came as a file; of an operation with `uploads` only. */
      file: TakenFile;
      answer<S extends keyof Out>(status: S, body: Out[S] extends Schema ? z.input<Out[S]> : null, more?: More): Answer;
      /** A 200 of one of `streams`, sent while it is read. */
      stream(type: string, rows: AsyncIterable<string>, filename?: string): Answer;
    },
    services: Services,
  ): Promise<Answer>;
};

/** Infers the handler's types from the schemas beside it. Does nothing at run time. */
export function operation<
  const A extends Access,
  Params extends Schema | undefined = undefined,
  Query extends Schema | undefined = undefined,
  Body extends Schema | undefined = undefined,
  Out extends Answers = Answers,
  Ready = undefined,
>(spec: Operation<A, Params, Query, Body, Out, Ready>): Operation {
  return spec as unknown as Operation;
}

/** Whether the contract must tell who calls. */
export function wantsCaller({ access }: Operation): boolean {
  return access !== 'anonymous' && access !== 'proof' && access !== 'internal';
}

/** What mount itself may refuse for an operation, besides what the operation declares. */
export function commonFailures(operation: Operation): FailureCode[] {
  const codes: FailureCode[] = [
    'invalid_input',
    'cross_tenant',
    'rate_limited',
    'busy',
    'internal',
    'too_large',
    'unsupported_media',
  ];
  if (operation.access !== 'anonymous' && operation.access !== 'proof') codes.push('forbidden');
  if (wantsCaller(operation)) codes.push('unauthenticated');
  if (operation.params) codes.push(absentCode(operation));
  if (operation.idempotent) codes.push('idempotency_mismatch', 'idempotency_in_flight');
  if (operation.idempotent === 'required') codes.push('idempotency_key_required');
  if (isConditional(operation)) codes.push('precondition_failed');
  return codes;
}

/** Whether `If-Match` counts: a change of what has a version. */
export function isConditional({ versioned, method }: Operation): boolean {
  return versioned === true && method !== 'GET';
}

/** Whether a path has only words of ours in it (`/mfa/:channel`), and so names nothing that somebody could own. */
export function isOfWords(params: Operation['params']): boolean {
  const { shape = {} } = (params ?? {}) as { shape?: Record<string, { type?: string }> };
  const kinds = Object.values(shape);
  return kinds.length > 0 && kinds.every(({ type }) => type === 'enum');
}

/** How an operation answers for a path that names nothing. */
export function absentCode({ params, failures }: Operation): FailureCode {
  if (isOfWords(params)) return 'not_found';
  return failures.find((code) => code.endsWith('_not_found')) ?? 'not_found';
}
