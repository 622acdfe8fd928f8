import type { Context, Middleware } from 'koa';
import { FAILURES, Failure, type FailureCode } from '../kernel/failure.ts';
import type { Log } from '../kernel/log.ts';

/** Statuses of the refusals that plumbing itself meets; a contract dresses its own before they come here. */
const STATUSES: Partial<Record<FailureCode, number>> = {
  unauthenticated: 401,
  forbidden: 403,
  cross_tenant: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  unsupported_media: 415,
  rate_limited: 429,
  internal: 500,
  busy: 503,
};

const RETRY_SECONDS = '5';

/** SQLSTATE classes and codes, and socket errors, that say that the database is away or busy rather than that we are wrong. */
const AWAY = /^(?:08|53|57P|25006|55P03|40P01|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)/;
const AWAY_MESSAGE =
  /^(?:Connection terminated|timeout exceeded when trying to connect|Knex: Timeout acquiring a connection)/;

/** Whether an error means that the database cannot be reached now: the answer is 503, and the caller may come again. */
export function isDatabaseAway(error: unknown): boolean {
  const { code, message, name } = error as { code?: unknown; message?: unknown; name?: unknown };
  if (typeof code === 'string' && AWAY.test(code)) return true;
  return (
    name === 'KnexTimeoutError' ||
    (typeof message === 'string' &&
      (AWAY_MESSAGE.test(message) || message.includes('Connection terminated unexpectedly')))
  );
}

/**
 * Answers what no contract and no page answered: errors by their status, nothing found by 404. The answer says no more
 * than its code; what happened is in the log, under the same request id.
 */
export function createErrorAnswers(log: Log): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      answerError(ctx, error, log);
    }
    if (ctx.status === 404 && ctx.body === undefined && !ctx.headerSent && ctx.respond !== false)
      answer(ctx, 404, 'not_found', 'There is nothing here.');
  };
}

function answerError(ctx: Context, error: unknown, log: Log): void {
  if (ctx.headerSent) {
    log.error({ err: error }, 'failed after the answer had begun');
    ctx.res.destroy();
    return;
  }
  const { status, expose } = error as { status?: unknown; expose?: unknown };
  if (error instanceof Failure) {
    answer(ctx, STATUSES[error.code] ?? 400, error.code, error.message);
  } else if (isDatabaseAway(error)) {
    log.error({ err: error }, 'database away');
    answer(ctx, 503, 'busy', FAILURES.busy);
  } else if (expose === true && typeof status === 'number' && status >= 400 && status < 500) {
    answer(ctx, status, 'invalid_request', FAILURES.invalid_input);
  } else {
    log.error({ err: error }, 'request failed');
    answer(ctx, 500, 'internal', FAILURES.internal);
  }
}

function answer(ctx: Context, status: number, error: string, description: string): void {
  ctx.status = status;
  if (status === 503 || status === 429) ctx.set('Retry-After', RETRY_SECONDS);
  ctx.body = { error, error_description: description };
}
