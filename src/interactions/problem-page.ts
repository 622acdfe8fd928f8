import type Koa from 'koa';
import { errors } from 'oidc-provider';
import type { Origin } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import type { Page } from './page.ts';

/** The page for what a step did not show itself. What is no refusal goes on to the house's own error answer. */
export function answerProblem(ctx: Koa.Context, error: unknown, { page }: { page: Page }): void {
  if (error instanceof errors.SessionNotFound) {
    page(ctx, 'expired', {}, 400);
    return;
  }
  if (!(error instanceof Failure)) throw error;
  if (error.code === 'busy') {
    ctx.set('retry-after', '1');
    page(ctx, 'busy', { retryAfterSeconds: 1 }, 503);
    return;
  }
  const { requestId } = ctx.state['origin'] as Origin;
  if (error.code === 'rate_limited') ctx.set('retry-after', String(error.details['retryAfter'] ?? 60));
  page(ctx, 'error', { reason: REASONS[error.code] ?? 'request', requestId }, STATUSES[error.code] ?? 400);
}

const STATUSES: Partial<Record<Failure['code'], number>> = {
  forbidden: 403,
  registration_closed: 403,
  // Of an invite: its reader can do nothing but ask whoever invited them.
  tenant_limit: 403,
  too_large: 413,
  unsupported_media: 415,
  rate_limited: 429,
};

const REASONS: Partial<Record<Failure['code'], string>> = {
  forbidden: 'forbidden',
  registration_closed: 'registration_closed',
  tenant_limit: 'registration_closed',
  rate_limited: 'rate_limited',
};
