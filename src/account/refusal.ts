import type Koa from 'koa';
import type { Origin } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import type { Issuer } from '../oidc/issuers.ts';
import { askForProof, askToSignIn, baseOf, done, type Visit, type VisitTools } from './visit.ts';

/** What a page has not shown itself: asked for more proof, sent to the list, or said on the page of errors. */
export async function answerRefusal(ctx: Koa.Context, error: unknown, tools: VisitTools): Promise<void> {
  if (!(error instanceof Failure)) throw error;
  const visit = ctx.state['visit'] as Visit | undefined;
  if (error.code === 'reauthentication_required' && visit) return proveOrTurnBack(visit, error, tools);
  if (error.code === 'factor_limit' && visit) return done(visit, '/security', 'factor_limit');
  // Suspended between the check of the session and this moment.
  if (error.code === 'user_not_found' || error.code === 'user_deactivated') return askToSignIn(ctx, '/account');
  if (error.code === 'sign_in_expired')
    return tools.page(ctx, 'expired', { restartUrl: baseOf(ctx.state['issuer'] as Issuer) }, 400);
  if (error.code.endsWith('_not_found')) return answerAbsent(ctx, visit, tools);
  answerOnErrorPage(ctx, error, tools);
}

/** Once: a proof that was just given and is not enough will not be enough the next time. */
async function proveOrTurnBack(visit: Visit, { details }: Failure, tools: VisitTools): Promise<void> {
  const { proven, since } = visit.session;
  if (proven && Date.now() - since < JUST_NOW_MS) return done(visit, '', 'no_proof');
  await askForProof(visit, { ...tools, anew: details['stronger'] === true });
}

const JUST_NOW_MS = 10_000;

/** Gone meanwhile: whoever wanted it gone has it. */
function answerAbsent(ctx: Koa.Context, visit: Visit | undefined, { page }: VisitTools): void {
  if (visit && ctx.method === 'POST') done(visit, sectionOf(ctx.path), 'gone');
  else page(ctx, 'not-found', { homeUrl: baseOf(ctx.state['issuer'] as Issuer) }, 404);
}

/** `/account/sessions/…` is about `/sessions`. */
const sectionOf = (path: string): string => `/${path.split('/')[2]}`;

const STATUSES: Partial<Record<Failure['code'], number>> = {
  forbidden: 403,
  too_large: 413,
  unsupported_media: 415,
  rate_limited: 429,
};

function answerOnErrorPage(ctx: Koa.Context, error: Failure, { page }: VisitTools): void {
  const { code, details } = error;
  const retryAfterSeconds = code === 'busy' ? 1 : Number(details['retryAfter'] ?? 60);
  if (code === 'busy' || code === 'rate_limited') ctx.set('retry-after', String(retryAfterSeconds));
  const { requestId } = ctx.state['origin'] as Origin;
  const reason = code === 'forbidden' || code === 'rate_limited' ? code : 'request';
  if (code === 'busy') page(ctx, 'busy', { retryAfterSeconds }, 503);
  else page(ctx, 'error', { reason, requestId }, STATUSES[code] ?? 400);
}
