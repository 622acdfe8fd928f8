import type { Context } from 'koa';
import type { AuditService } from '../domain/audit/audit-service.ts';
import { isDatabaseAway } from '../http/error-answers.ts';
import type { Origin, TenantCall } from '../kernel/call.ts';
import { Failure, type FailureCode } from '../kernel/failure.ts';
import type { Log } from '../kernel/log.ts';
import type { Contract } from './contract.ts';
import { fieldProblems } from './input.ts';
import type { Route } from './routes.ts';

const BUSY_RETRY_SECONDS = 1;

/**
 * What an error is to the caller: the failure itself where the operation declares it, `busy` while the database is away,
 * `internal` for everything else. A failure that is not declared is a bug: its status stands in no documentation.
 */
export function failureOf(error: unknown, declared: readonly FailureCode[]): Failure {
  if (error instanceof Failure && declared.includes(error.code)) return error;
  return new Failure(isDatabaseAway(error) ? 'busy' : 'internal');
}

/** Answers a refusal in the contract's envelope. Details stay behind, but for the fields of an input and what the contract shows. */
export function answerFailure(ctx: Context, contract: Contract, failure: Failure): void {
  const { status, code, extra } = contract.failures[failure.code];
  const { requestId } = ctx.state['origin'] as Origin;
  const details = fieldProblems(failure);
  const retryAfter = failure.code === 'busy' ? BUSY_RETRY_SECONDS : failure.details['retryAfter'];
  if (typeof retryAfter === 'number') ctx.set('Retry-After', String(Math.max(1, Math.ceil(retryAfter))));
  // RFC 9110 §11.6.1 asks for it; no scheme but Bearer is ours, so no browser shows a dialogue.
  if (status === 401) ctx.set('WWW-Authenticate', `Bearer realm="${contract.name}"`);
  ctx.body = contract.errorBody({
    code,
    message: failure.message,
    requestId,
    now: new Date(),
    details,
    extra: extra?.(failure.details) ?? {},
  });
  ctx.status = status;
}

/** Decisions about what somebody may do. Of a wrong password or code sign-in tells itself, which knows whose it was. */
const DECISIONS: readonly FailureCode[] = [
  'forbidden',
  'cross_tenant',
  'privilege_escalation',
  'last_admin',
  'reauthentication_required',
  'factor_mandatory',
];

/** Who calls, once that is known. */
export type Known = { call?: TenantCall };

/** Writes a refused decision about a known caller to the trail of their tenant, in a transaction of its own. */
export async function noteRefusal(
  { contract, name }: Route,
  params: Record<string, string>,
  { call }: Known,
  { code, details: { missing } }: Failure,
  { audit, log }: { audit?: Pick<AuditService, 'recordRefusal'> | undefined; log: Log },
): Promise<void> {
  if (!audit || !call || !DECISIONS.includes(code)) return;
  const { actor } = call;
  const note = {
    target: `operation:${contract.name} ${name}`,
    details: { operation: name, reason: code, params, ...(Array.isArray(missing) && { missing }) },
    about: actor.kind === 'user' ? actor.userId : undefined,
  };
  await audit
    .recordRefusal(call, 'access.refused', note)
    .catch((error: unknown) => log.error({ err: error }, 'a refusal was not written to the audit trail'));
}
