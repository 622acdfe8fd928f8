import type Koa from 'koa';
import type { RecoveryService } from '../domain/recovery/recovery-service.ts';
import { readDeviceCookie, setDeviceCookie } from '../http/device-cookie.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import type { UserId } from '../kernel/ids.ts';
import { LIMITS } from '../kernel/limits.ts';
import { type Errand, type ErrandPage, type ErrandTools, type Form, goTo, wayBack } from './errand.ts';
import { accountShown } from './interaction.ts';
import { type SentAgain, showLetterSent } from './letter-sent.ts';

export type RecoveryTools = ErrandTools & { recovery: RecoveryService };

/** The proof by letter that a form carries: the link's token, or the code. */
type Proof = { name: 'token' | 'code'; value: string };

/**
 * A forgotten password: who asks gets the same page whoever there is; the letter's link, or its code on the browser that
 * asked, leads to the form for a new one. Second factors stay as they are, and nobody is signed in by it.
 */
export function recoveryPages(tools: RecoveryTools): Readonly<Record<`/${string}`, ErrandPage>> {
  return {
    '/recovery': {
      show: (ctx, errand) => showAsk(ctx, errand, tools),
      post: (ctx, errand, form) => ask(ctx, errand, form, tools),
    },
    '/recovery/code': {
      show: async (ctx, errand) => goTo(ctx, errand, '/recovery'),
      post: (ctx, errand, form) =>
        form['action'] === 'resend' ? ask(ctx, errand, form, tools) : checkCode(ctx, errand, form, tools),
    },
    '/recovery/confirm': {
      show: (ctx, errand) => showLink(ctx, errand, tools),
      post: (ctx, errand, form) => setPassword(ctx, errand, form, tools),
    },
    '/recovery/done': {
      show: async (ctx, errand) => tools.page(ctx, 'done', { what: 'password', back: await wayBack(errand) }),
    },
  };
}

async function showAsk(
  ctx: Koa.Context,
  errand: Errand,
  { page }: RecoveryTools,
  tried: { identifier?: string; problem?: ProblemCode; status?: number } = {},
): Promise<void> {
  const { issuer, csrf } = errand;
  const problem = tried.problem === undefined ? undefined : { code: tried.problem };
  const identifier = tried.identifier ?? '';
  const data = { action: `${issuer.mount}/recovery`, csrf, identifier, problem, back: await wayBack(errand) };
  page(ctx, 'recovery', data, tried.status);
}

async function ask(ctx: Koa.Context, errand: Errand, form: Form, tools: RecoveryTools): Promise<void> {
  const identifier = (form['identifier'] ?? '').trim();
  const again = (problem: ProblemCode, status: number) =>
    showAsk(ctx, errand, tools, { identifier: identifier.slice(0, LIMITS.emailChars), problem, status });
  if (identifier === '') return again('missing_input', 422);
  try {
    const wish = { identifier, holder: errand.holder, ...tools.readerOf(ctx) };
    await tools.recovery.request(tools.callOf(ctx), wish);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === 'invalid_input') return again('identifier_invalid', 422);
    if (error.code !== 'rate_limited') throw error;
    ctx.set('retry-after', String(error.details['retryAfter']));
    return again('rate_limited', 429);
  }
  await showSent(ctx, errand, identifier, tools, { again: form['action'] === 'resend' });
}

const showSent = (
  ctx: Koa.Context,
  errand: Errand,
  identifier: string,
  tools: RecoveryTools,
  more?: SentAgain,
): Promise<void> =>
  showLetterSent(
    ctx,
    errand,
    tools,
    { matter: 'recovery', path: '/recovery/code', to: identifier, kept: { identifier } },
    more,
  );

/** A right code leads to the form that uses it up. */
async function checkCode(ctx: Koa.Context, errand: Errand, form: Form, tools: RecoveryTools): Promise<void> {
  const code = form['code'] ?? '';
  const identifier = (form['identifier'] ?? '').slice(0, LIMITS.emailChars);
  try {
    const { userId } = await tools.recovery.findByCode(tools.callOf(ctx), { holder: errand.holder, code });
    await showNewPassword(ctx, errand, { proof: { name: 'code', value: code }, userId }, tools);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const again = (problem: ProblemCode, status: number) =>
      showSent(ctx, errand, identifier, tools, { problem, status });
    if (error.code === 'token_invalid') return again('code_wrong', 401);
    if (error.code !== 'rate_limited') throw error;
    ctx.set('retry-after', String(error.details['retryAfter']));
    await again('rate_limited', 429);
  }
}

/** The letter's link. To look at it uses nothing up. */
async function showLink(ctx: Koa.Context, errand: Errand, tools: RecoveryTools): Promise<void> {
  const { token } = ctx.query;
  const proof: Proof = { name: 'token', value: typeof token === 'string' ? token : '' };
  const owner = await ownerOf(ctx, errand, proof, tools);
  if (!owner) return showDeadLink(ctx, errand, tools);
  await showNewPassword(ctx, errand, { proof, userId: owner.userId }, tools);
}

function showDeadLink(ctx: Koa.Context, { issuer }: Errand, { page }: RecoveryTools): void {
  page(ctx, 'dead-link', { matter: 'recovery', againUrl: `${issuer.mount}/recovery` }, 400);
}

async function showNewPassword(
  ctx: Koa.Context,
  { issuer, csrf }: Errand,
  { proof, userId }: { proof: Proof; userId: UserId },
  { page }: RecoveryTools,
  problem?: ProblemCode,
): Promise<void> {
  const account = await accountShown(issuer.tenant.id, userId);
  if (!account) throw new Failure('token_invalid');
  const { minLength } = issuer.tenant.settings.password;
  const action = `${issuer.mount}/recovery/confirm`;
  const data = { action, csrf, account, reason: 'forgotten' as const, minLength, proof };
  const shown = { ...data, problem: problem === undefined ? undefined : { code: problem } };
  page(ctx, 'new-password', shown, problem === undefined ? 200 : 422);
}

async function setPassword(ctx: Koa.Context, errand: Errand, form: Form, tools: RecoveryTools): Promise<void> {
  const { token, code = '', password = '', password_confirmation: confirmation } = form;
  const proof: Proof = token === undefined ? { name: 'code', value: code } : { name: 'token', value: token };
  const owner = await ownerOf(ctx, errand, proof, tools);
  if (!owner) return showDeadLink(ctx, errand, tools);
  const again = (problem: ProblemCode) => showNewPassword(ctx, errand, { proof, userId: owner.userId }, tools, problem);
  if (password !== confirmation) return again('passwords_differ');
  try {
    const { mount, url } = errand.issuer;
    const given = { password, deviceCookie: readDeviceCookie(ctx) };
    const { deviceCookie } = await (token === undefined
      ? tools.recovery.resetByCode(tools.callOf(ctx), { holder: errand.holder, code, ...given })
      : tools.recovery.resetByLink(tools.callOf(ctx), { token, ...given }));
    setDeviceCookie(ctx, deviceCookie, { path: mount || '/', secure: url.startsWith('https:') });
    goTo(ctx, errand, '/recovery/done');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === 'token_invalid') return showDeadLink(ctx, errand, tools);
    const problem = PROBLEMS[error.code];
    if (problem === undefined) throw error;
    await again(problem);
  }
}

/** Whose proof it is; undefined for one that is no use any more. @throws Failure `rate_limited` */
async function ownerOf(
  ctx: Koa.Context,
  { holder }: Errand,
  { name, value }: Proof,
  { recovery, callOf }: RecoveryTools,
): Promise<{ userId: UserId } | undefined> {
  if (name === 'token') return recovery.findByLink(callOf(ctx), value);
  return recovery.findByCode(callOf(ctx), { holder, code: value }).catch((error: unknown) => {
    if (error instanceof Failure && error.code === 'token_invalid') return undefined;
    throw error;
  });
}

/** Refusals of a new password as the page names them. */
const PROBLEMS: Partial<Record<Failure['code'], ProblemCode>> = {
  password_policy: 'password_policy',
  password_breached: 'password_breached',
  invalid_input: 'password_policy',
};
