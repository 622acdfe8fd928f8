import type Koa from 'koa';
import { errors, type InteractionResults, type Provider } from 'oidc-provider';
import type { Browser } from '../domain/sign-in/progress.ts';
import { assertCsrf, csrfToken } from '../http/csrf.ts';
import { readDeviceCookie } from '../http/device-cookie.ts';
import { readForm } from '../http/form-body.ts';
import type { ShownAccount, ShownClient } from '../http/pages.ts';
import type { TenantId } from '../kernel/ids.ts';
import { findActiveAccount } from '../oidc/accounts.ts';
import { isHousePages } from '../oidc/house-clients.ts';
import type { Issuer } from '../oidc/issuers.ts';

type Details = Awaited<ReturnType<Provider['interactionDetails']>>;

/** The detour a browser is on: what the core asks for, and the form that answers it. */
export type InteractionStep = { issuer: Issuer; details: Details; csrf: string; action: string };

/**
 * The interaction that path and cookie agree on.
 *
 * @throws errors.SessionNotFound when it has expired, or belongs to another browser
 */
export async function loadInteraction(ctx: Koa.Context, uid: string): Promise<InteractionStep> {
  const issuer = ctx.state['issuer'] as Issuer;
  const details = await detailsOf(ctx, issuer);
  if (details.uid !== uid) throw new errors.SessionNotFound('the interaction belongs to another page');
  const asked = details.params['ui_locales'];
  if (typeof asked === 'string') ctx.state['uiLocales'] = asked;
  return {
    issuer,
    details,
    csrf: csrfToken(issuer.tenant.keyFor('csrf'), uid),
    action: `${issuer.mount}/interaction/${uid}`,
  };
}

/**
 * The core refuses an interaction whose session has ended since it began: a new password, which may have been set on the
 * way, ends them all. Where a login was asked for, it simply begins a new one.
 */
async function detailsOf(ctx: Koa.Context, issuer: Issuer): Promise<Details> {
  const { provider } = issuer;
  try {
    return await provider.interactionDetails(ctx.req, ctx.res);
  } catch (error) {
    const uid = ctx.cookies.get(provider.cookieName('interaction'), { signed: true });
    const interaction =
      error instanceof errors.SessionNotFound && uid ? await provider.Interaction.find(uid) : undefined;
    if (interaction?.prompt.name !== 'login' || !interaction.session?.uid) throw error;
    if (await provider.Session.findByUid(interaction.session.uid)) throw error;
    await letGoOfSession(ctx, issuer, interaction.uid);
    return provider.interactionDetails(ctx.req, ctx.res);
  }
}

/** The core insists on the session that was there when an interaction began; this one goes on without. */
export async function letGoOfSession(ctx: Koa.Context, { provider, mount }: Issuer, uid: string): Promise<void> {
  const interaction = await provider.Interaction.find(uid);
  if (interaction) {
    (interaction as { session?: unknown }).session = undefined;
    await interaction.persist();
  }
  ctx.cookies.set(provider.cookieName('session'), null, { path: mount || '/' });
}

/** The fields of a form that was posted to an interaction, after its CSRF value was checked. */
export async function readInteractionForm(
  ctx: Koa.Context,
  { issuer, details }: InteractionStep,
): Promise<Record<string, string | undefined>> {
  const form = await readForm(ctx);
  assertCsrf(issuer.tenant.keyFor('csrf'), details.uid, form['csrf']);
  return form;
}

/** Hands the result to the core and sends the browser back to it (303: a password must not be posted again). */
export async function finish(
  ctx: Koa.Context,
  { issuer, action }: InteractionStep,
  result: InteractionResults,
): Promise<void> {
  const to = await issuer.provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: true });
  // The core leaves this cookie behind.
  ctx.cookies.set(issuer.provider.cookieName('interaction'), null, { path: action });
  ctx.status = 303;
  ctx.redirect(to);
}

/** What a page says of the application that sent the browser here. */
export async function aboutClient({ issuer, details }: InteractionStep): Promise<ShownClient> {
  const client = await issuer.provider.Client.find(String(details.params['client_id']));
  return {
    name: client?.clientName ?? client?.clientId ?? '',
    logoUrl: client?.logoUri,
    siteUrl: client?.clientUri,
    policyUrl: client?.policyUri,
    termsUrl: client?.tosUri,
  };
}

/** The application that a sign-in leads to; undefined for pages of our own, which nobody needs to be told of. */
export async function aboutGoal(step: InteractionStep): Promise<ShownClient | undefined> {
  return isHousePages(step.details.params['client_id']) ? undefined : aboutClient(step);
}

/** What a sign-in on this page must know of the browser, and of the application that sent it. */
export async function browserOf(
  ctx: Koa.Context,
  { issuer, details }: InteractionStep,
  { readerOf }: { readerOf(ctx: Koa.Context): { languages: readonly string[]; base: string } },
): Promise<Browser & { browser: string }> {
  const client = await issuer.provider.Client.find(String(details.params['client_id']));
  return {
    deviceCookie: readDeviceCookie(ctx),
    browser: details.uid,
    clientMfa: client?.['mfa'] as Browser['clientMfa'],
    ...readerOf(ctx),
  };
}

/** The person whose session this browser has, as a page shows them; undefined for nobody. */
export async function aboutAccount(
  { details, issuer }: InteractionStep,
  accountId = details.session?.accountId,
): Promise<ShownAccount | undefined> {
  return accountId ? accountShown(issuer.tenant.id, accountId) : undefined;
}

/** An active person as a page shows them; undefined for anyone else. */
export async function accountShown(tenantId: TenantId, accountId: string): Promise<ShownAccount | undefined> {
  const row = await findActiveAccount(tenantId, accountId);
  return row && { name: [row.first_name, row.last_name].filter(Boolean).join(' ') || row.email, identifier: row.email };
}
