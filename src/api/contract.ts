import type { Context } from 'koa';
import type { z } from 'zod';
import type { OperatorCall, TenantCall } from '../kernel/call.ts';
import type { FailureCode } from '../kernel/failure.ts';
import type { TenantId } from '../kernel/ids.ts';
import type { FieldProblem } from './input.ts';
import type { Operation } from './operation.ts';

/** How a contract dresses a refusal: its status, its public code, and what else it shows of the failure's details. */
export type Dress = {
  status: number;
  code: string;
  extra?: (details: Record<string, unknown>) => object;
  /** What `extra` may give, for the documentation. */
  shows?: { schema: z.ZodType; example: object };
};

/** What an error body is made from. */
export type Refusal = {
  code: string;
  message: string;
  requestId: string;
  now: Date;
  details: readonly FieldProblem[] | undefined;
  extra: object;
};

/** What a receiver is sent: its name, when it comes, its schema, and one that is valid. */
export type Message = { name: string; summary: string; schema: z.ZodType; example: Record<string, unknown> };

/** A JSON Schema that stands on its own, as `/schemas/:name.schema.json`. */
export type Schema = { name: string; schema: object };

/** One documented JSON API: its operations, and the manners in which it differs from the others. */
export type Contract = {
  /** As in `/openapi/:contract.json`. */
  name: string;
  title: string;
  description: string;
  /** Paths that belong to nobody else: what is not found below one is answered in this contract's envelope. */
  bases: readonly `/${string}`[];
  /** What names the tenant in a request to any operation; `tenantOf` and `callerOf` read it. */
  tenantParameters: readonly { in: 'query' | 'header'; name: string; description: string }[];
  /** How a caller shows who they are, as OpenAPI says it. */
  security: { name: string; scheme: object };
  /** Other ways, where what is asked for is a permission. */
  alsoSecurity?: readonly { name: string; scheme: object }[];
  /** The tenant that a request names; undefined when it names none. @throws Failure `cross_tenant` for one that is not there */
  tenantOf(ctx: Context, call: OperatorCall): Promise<TenantId | undefined>;
  /** The caller, in their tenant, whichever one the request names. @throws Failure `unauthenticated` */
  callerOf(ctx: Context, call: OperatorCall): Promise<TenantCall>;
  /** Status and public code for every refusal. A missing line does not compile. */
  failures: Record<FailureCode, Dress>;
  errorBody(refusal: Refusal): object;
  /** What `errorBody` gives, for the documentation. */
  errorSchema: z.ZodType;
  /** The messages that it sends to receivers of its callers' own, where it does. */
  messages?: readonly Message[];
  /** Of answers that people keep. */
  schemas?: readonly Schema[];
  /** By the name under which the contract's document has them. */
  operations: Readonly<Record<string, Operation>>;
};

/** The operations of several files under their names. Two of one name are a bug and throw. */
export function operationsOf(
  ...files: readonly Readonly<Record<string, Operation>>[]
): Readonly<Record<string, Operation>> {
  const all: Record<string, Operation> = {};
  for (const [name, operation] of files.flatMap(Object.entries<Operation>)) {
    if (name in all) throw new Error(`two operations are called ${name}`);
    all[name] = operation;
  }
  return all;
}
