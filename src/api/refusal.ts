import type { Context } from 'koa';
import { isDatabaseAway } from '../http/error-answers.ts';
import type { Origin } from '../kernel/call.ts';
import { Failure, type FailureCode } from '../kernel/failure.ts';
import type { Contract } from './contract.ts';
import { fieldProblems } from './input.ts';

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
