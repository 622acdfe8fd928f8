import type Koa from 'koa';
import type { InviteService } from '../domain/invites/invite-service.ts';
import type { SignIn } from '../domain/sign-in/sign-in-service.ts';
import { readDeviceCookie } from '../http/device-cookie.ts';
import type { ErrandPages } from '../http/errand-pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import { ACCOUNT_PAGES } from '../oidc/house-clients.ts';
import { putIntoSignIn } from './arrival.ts';
import { type Errand, type ErrandPage, type ErrandTools, type Form, goTo, wayBack } from './errand.ts';

export type InviteTools = ErrandTools & {
  invites: Pick<InviteService, 'find' | 'accept'>;
  signIn: Pick<SignIn, 'arrival'>;
};

/**
 * The link of an invite: who is new chooses a password, who has an account shows its password. Nobody is signed in by
 * it, but for whoever was signing in on this browser already.
 */
export function invitePages(tools: InviteTools): Readonly<Record<`/${string}`, ErrandPage>> {
  return {
    '/invite': {
      show: (ctx, errand) => showInvite(ctx, errand, ctx.query['token'], tools),
      post: (ctx, errand, form) => accept(ctx, errand, form, tools),
    },
    '/invite/done': {
      show: async (ctx, errand) => {
        const signInUrl = `${errand.issuer.mount}${ACCOUNT_PAGES.path}`;
        tools.page(ctx, 'done', { what: 'invited', back: await wayBack(errand), signInUrl });
      },
    },
  };
}

const typedOf = (form: Form): ErrandPages['invite']['typed'] => ({
  firstName: (form['first_name'] ?? '').slice(0, LIMITS.nameChars),
  lastName: (form['last_name'] ?? '').slice(0, LIMITS.nameChars),
});

/** To look at it uses nothing up. */
async function showInvite(
  ctx: Koa.Context,
  { issuer, csrf }: Errand,
  token: unknown,
  { page, invites, callOf }: InviteTools,
  { form = {}, problem, status }: { form?: Form; problem?: ProblemCode; status?: number } = {},
): Promise<void> {
  const found = typeof token === 'string' ? await invites.find(callOf(ctx), token) : undefined;
  if (!found) return page(ctx, 'dead-link', { matter: 'invite' }, 400);
  const { email: address, organisation, hasAccount } = found;
  const data = {
    action: `${issuer.mount}/invite`,
    csrf,
    token: token as string,
    ...{ address, organisation, hasAccount },
    typed: typedOf(form),
    minLength: issuer.tenant.settings.password.minLength,
    problem: problem === undefined ? undefined : { code: problem },
  };
  page(ctx, 'invite', data, status);
}

async function accept(ctx: Koa.Context, errand: Errand, form: Form, tools: InviteTools): Promise<void> {
  const { token = '', password = '', password_confirmation: confirmation } = form;
  const again = (problem: ProblemCode, status: number) =>
    showInvite(ctx, errand, token, tools, { form, problem, status });
  const call = tools.callOf(ctx);
  const hasAccount = (await tools.invites.find(call, token))?.hasAccount === true;
  const { firstName, lastName } = typedOf(form);
  if (!hasAccount && (firstName.trim() === '' || lastName.trim() === '')) return again('name_invalid', 422);
  if (!hasAccount && password !== confirmation) return again('passwords_differ', 422);
  try {
    const [locale] = tools.readerOf(ctx).languages;
    const about = { token, password, deviceCookie: readDeviceCookie(ctx) };
    const given = hasAccount ? about : { ...about, firstName, lastName, locale };
    const { userId } = await tools.invites.accept(call, given);
    const isIn = await putIntoSignIn(errand, userId, { signIn: tools.signIn, call });
    goTo(ctx, errand, isIn ? `/interaction/${errand.interaction}` : '/invite/done');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === 'invite_invalid') return tools.page(ctx, 'dead-link', { matter: 'invite' }, 400);
    const [problem, status] = PROBLEMS[error.code] ?? [];
    if (problem === undefined || status === undefined) throw error;
    if (status === 429) ctx.set('retry-after', String(error.details['retryAfter']));
    // A name that is none, where it is not the password.
    const isName = /Name$/.test(String(error.details['field']));
    await again(isName ? 'name_invalid' : problem, status);
  }
}

/** Refusals as the form shows them; any other goes on to the error page. */
const PROBLEMS: Partial<Record<Failure['code'], [problem: ProblemCode, status: number]>> = {
  invalid_input: ['password_policy', 422],
  password_policy: ['password_policy', 422],
  password_breached: ['password_breached', 422],
  invalid_credentials: ['current_password_wrong', 401],
  email_taken: ['email_taken', 409],
  rate_limited: ['rate_limited', 429],
};
