import type Koa from 'koa';
import type { Outcome } from '../domain/sign-in/progress.ts';
import { documentFor } from '../domain/tenants/terms.ts';
import { Failure } from '../kernel/failure.ts';
import { aboutAccount, browserOf, type InteractionStep } from './interaction.ts';
import type { LoginTools } from './login.ts';
import type { Pending } from './pending.ts';

type Waiting = Extract<Pending, { kind: 'accept-terms' }>;

/** The terms of use that are in force, in the person's language as far as the tenant has them in it. */
export async function showTerms(
  ctx: Koa.Context,
  step: InteractionStep,
  { ticket, userId }: Pick<Waiting, 'ticket' | 'userId'>,
  { page, signIn, callOf, readerOf }: Pick<LoginTools, 'page' | 'signIn' | 'callOf' | 'readerOf'>,
): Promise<void> {
  const { action, csrf, issuer } = step;
  const terms = await signIn.termsFor(callOf(ctx), ticket);
  const account = await aboutAccount(step, userId);
  // Nothing is asked any more: begun anew, the sign-in goes through.
  if (!terms || !account) throw new Failure('sign_in_expired');
  const { languages } = readerOf(ctx);
  const { language, url, text } = documentFor(terms, [...languages, issuer.tenant.settings.locale]);
  page(ctx, 'terms', { action, csrf, account, version: terms.version, language, url, text, cancellable: true });
}

/** @returns how the sign-in goes on; undefined when the page was shown again. @throws Failure `sign_in_expired` */
export async function postTerms(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
  pending: Waiting,
  tools: LoginTools,
): Promise<Outcome | undefined> {
  const { signIn, callOf } = tools;
  const { action, version = '', language = '' } = form;
  // Only the button that says so accepts.
  if (action !== 'accept') {
    await showTerms(ctx, step, pending, tools);
    return undefined;
  }
  const browser = await browserOf(ctx, step, tools);
  return signIn.withTerms(callOf(ctx), { ticket: pending.ticket, version, language, ...browser });
}
