import type Koa from 'koa';
import type { CaptchaService } from '../domain/registration/captcha-service.ts';
import type { Enrolment, Made } from '../domain/registration/enrolment.ts';
import type { RegistrationService } from '../domain/registration/registration-service.ts';
import type { SignIn } from '../domain/sign-in/sign-in-service.ts';
import type { ErrandPages } from '../http/errand-pages.ts';
import type { ProblemCode } from '../http/shown.ts';
import { Failure } from '../kernel/failure.ts';
import { LIMITS } from '../kernel/limits.ts';
import { putIntoSignIn } from './arrival.ts';
import { type Errand, type ErrandPage, type ErrandTools, type Form, goTo, wayBack } from './errand.ts';
import { type SentAgain, showLetterSent } from './letter-sent.ts';

export type RegisterTools = ErrandTools & {
  registration: RegistrationService;
  enrolment: Enrolment;
  captcha: Pick<CaptchaService, 'challenge'>;
  signIn: Pick<SignIn, 'arrival'>;
};

/**
 * A new account, where the tenant lets people make one. Whoever has the address gets the same page and one letter, whose
 * link or code makes the account; the sign-in that was interrupted then goes on by itself.
 */
export function registerPages(tools: RegisterTools): Readonly<Record<`/${string}`, ErrandPage>> {
  return {
    '/register': {
      show: (ctx, errand) => showForm(ctx, errand, tools),
      post: (ctx, errand, form) => register(ctx, errand, form, tools),
    },
    '/register/code': {
      show: async (ctx, errand) => goTo(ctx, errand, '/register'),
      post: (ctx, errand, form) => answerLetter(ctx, errand, form, tools),
    },
    '/register/confirm': {
      show: (ctx, errand) => showLink(ctx, errand, tools),
      post: (ctx, errand, form) => confirm(ctx, errand, form, tools),
    },
    '/register/done': {
      show: async (ctx, errand) => tools.page(ctx, 'done', { what: 'registered', back: await wayBack(errand) }),
    },
  };
}

const typedOf = (form: Form): ErrandPages['register']['typed'] => ({
  email: (form['email'] ?? '').trim().slice(0, LIMITS.emailChars),
  firstName: (form['first_name'] ?? '').slice(0, LIMITS.nameChars),
  lastName: (form['last_name'] ?? '').slice(0, LIMITS.nameChars),
});

async function showForm(
  ctx: Koa.Context,
  errand: Errand,
  { page, captcha, callOf }: RegisterTools,
  { form = {}, problem, status }: { form?: Form; problem?: ProblemCode; status?: number } = {},
): Promise<void> {
  const { issuer, csrf } = errand;
  const { registration: rules, password } = issuer.tenant.settings;
  if (!rules.selfService) throw new Failure('registration_closed');
  const { captcha: kind, captchaSiteKey: siteKey } = rules;
  const challenge = await captcha.challenge(callOf(ctx), rules);
  const data = {
    action: `${issuer.mount}/register`,
    csrf,
    typed: typedOf(form),
    minLength: password.minLength,
    captcha: kind === 'off' ? undefined : { kind, challenge, siteKey },
    back: await wayBack(errand),
    forgotUrl: `${issuer.mount}/recovery`,
    problem: problem === undefined ? undefined : { code: problem },
  };
  page(ctx, 'register', data, status);
}

async function register(ctx: Koa.Context, errand: Errand, form: Form, tools: RegisterTools): Promise<void> {
  const { password = '', password_confirmation: confirmation } = form;
  const again = (problem: ProblemCode, status: number) => showForm(ctx, errand, tools, { form, problem, status });
  if (password !== confirmation) return again('passwords_differ', 422);
  const { email, firstName, lastName } = typedOf(form);
  const draft = { email, password, firstName, lastName, locale: tools.readerOf(ctx).languages[0] };
  // The names under which the services put their answers into a form, and ours.
  const captcha = form['captcha'] ?? form['cf-turnstile-response'] ?? form['h-captcha-response'];
  const way = { captcha, withoutCaptcha: true, holder: errand.holder, ...tools.readerOf(ctx) };
  try {
    const registered = await tools.registration.register(tools.callOf(ctx), draft, way);
    if (registered.verificationRequired) return await showSent(ctx, errand, email, tools);
    await land(ctx, errand, registered, tools);
  } catch (error) {
    const [problem, status] = error instanceof Failure ? problemOf(error) : [];
    if (problem === undefined || status === undefined) throw error;
    if (status === 429) ctx.set('retry-after', String((error as Failure).details['retryAfter']));
    await again(problem, status);
  }
}

/** Refusals as the form shows them; any other goes on to the error page. */
function problemOf({ code, details }: Failure): [problem?: ProblemCode, status?: number] {
  if (code === 'invalid_input') return [FIELDS[String(details['field'])] ?? 'missing_input', 422];
  return PROBLEMS[code] ?? [];
}

const FIELDS: Readonly<Record<string, ProblemCode>> = {
  email: 'email_invalid',
  firstName: 'name_invalid',
  lastName: 'name_invalid',
  password: 'password_policy',
};

const PROBLEMS: Partial<Record<Failure['code'], [problem: ProblemCode, status: number]>> = {
  password_policy: ['password_policy', 422],
  password_breached: ['password_breached', 422],
  captcha_failed: ['captcha_failed', 422],
  email_taken: ['email_taken', 409],
  rate_limited: ['rate_limited', 429],
};

const showSent = (
  ctx: Koa.Context,
  errand: Errand,
  email: string,
  tools: RegisterTools,
  more?: SentAgain,
): Promise<void> =>
  showLetterSent(
    ctx,
    errand,
    tools,
    { matter: 'registration', path: '/register/code', to: email, kept: { email }, continuable: true },
    more,
  );

/** The code of the letter; or it is to be sent again; or its link was opened, perhaps elsewhere. */
async function answerLetter(ctx: Koa.Context, errand: Errand, form: Form, tools: RegisterTools): Promise<void> {
  const { action, code = '' } = form;
  const { email } = typedOf(form);
  const { holder } = errand;
  const again = (more: { again?: boolean; problem?: ProblemCode; status?: number }) =>
    showSent(ctx, errand, email, tools, more);
  // Whoever has opened the link elsewhere has an account now, and signs in; whoever has not is told so there.
  if (action === 'opened')
    return goTo(ctx, errand, errand.interaction ? `/interaction/${errand.interaction}` : '/register/done');
  try {
    if (action === 'resend') {
      await tools.registration.resend(tools.callOf(ctx), { email, holder, ...tools.readerOf(ctx) });
      return await again({ again: true });
    }
    await land(ctx, errand, await tools.enrolment.confirmByCode(tools.callOf(ctx), { holder, code }), tools);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === 'token_invalid' || error.code === 'invalid_input')
      return again({ problem: 'code_wrong', status: 401 });
    if (error.code !== 'rate_limited') throw error;
    ctx.set('retry-after', String(error.details['retryAfter']));
    await again({ problem: 'rate_limited', status: 429 });
  }
}

/** The letter's link. To look at it makes nobody. */
async function showLink(
  ctx: Koa.Context,
  errand: Errand,
  { page, enrolment, callOf }: RegisterTools,
  { form, problem, status }: { form?: Form; problem?: ProblemCode; status?: number } = {},
): Promise<void> {
  const { issuer, csrf, holder } = errand;
  const token = form ? (form['token'] ?? '') : ctx.query['token'];
  const found = typeof token === 'string' ? await enrolment.find(callOf(ctx), token, holder) : undefined;
  if (!found) return showDeadLink(ctx, errand, { page });
  const data = {
    action: `${issuer.mount}/register/confirm`,
    csrf,
    matter: 'registration' as const,
    address: found.email,
    token: token as string,
    needsPassword: found.needsPassword,
    problem: problem === undefined ? undefined : { code: problem },
  };
  page(ctx, 'confirm-email', data, status);
}

function showDeadLink(ctx: Koa.Context, { issuer }: Errand, { page }: Pick<RegisterTools, 'page'>): void {
  page(ctx, 'dead-link', { matter: 'registration', againUrl: `${issuer.mount}/register` }, 400);
}

async function confirm(ctx: Koa.Context, errand: Errand, form: Form, tools: RegisterTools): Promise<void> {
  const { token = '', password } = form;
  try {
    const given = { token, password, holder: errand.holder };
    await land(ctx, errand, await tools.enrolment.confirm(tools.callOf(ctx), given), tools);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.code === 'token_invalid') return showDeadLink(ctx, errand, tools);
    if (error.code !== 'invalid_credentials' && error.code !== 'invalid_input') throw error;
    await showLink(ctx, errand, tools, { form, problem: 'wrong_password', status: 401 });
  }
}

/** The account is made: on with the sign-in that was interrupted, where there is one. */
async function land(
  ctx: Koa.Context,
  errand: Errand,
  { user }: Pick<Made, 'user'>,
  tools: RegisterTools,
): Promise<void> {
  const isIn = await putIntoSignIn(errand, user.id, { signIn: tools.signIn, call: tools.callOf(ctx) });
  goTo(ctx, errand, isIn ? `/interaction/${errand.interaction}` : '/register/done');
}
