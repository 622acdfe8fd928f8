import type Koa from 'koa';
import { errors, type Grant } from 'oidc-provider';
import { aboutAccount, aboutClient, finish, type InteractionStep } from './interaction.ts';
import type { Page } from './page.ts';

type Missing = {
  missingOIDCScope?: string[];
  missingOIDCClaims?: string[];
  missingResourceScopes?: Record<string, string[]>;
};

/** What an application may know and do: asked of the user once for each new wish. */
export async function showConsent(ctx: Koa.Context, step: InteractionStep, page: Page): Promise<void> {
  const { details, csrf, action, issuer } = step;
  const {
    missingOIDCScope = [],
    missingOIDCClaims = [],
    missingResourceScopes = {},
  } = details.prompt.details as Missing;
  const account = await aboutAccount(step);
  if (!account) throw new errors.SessionNotFound('the user is gone');
  const apis = Object.entries(missingResourceScopes).map(([identifier, scopes]) => ({
    name: issuer.tenant.apis.find((api) => api.identifier === identifier)?.name ?? identifier,
    scopes: scopes.map((name) => ({ name })),
  }));
  page(ctx, 'consent', {
    action,
    csrf,
    client: await aboutClient(step),
    account,
    scopes: missingOIDCScope,
    claims: missingOIDCClaims,
    apis,
    redirectHost: hostOf(details.params['redirect_uri']),
  });
}

const hostOf = (uri: unknown) =>
  typeof uri === 'string' && URL.canParse(uri) ? new URL(uri).host || undefined : undefined;

export async function postConsent(
  ctx: Koa.Context,
  step: InteractionStep,
  form: Record<string, string | undefined>,
): Promise<void> {
  if (form['action'] !== 'allow')
    return finish(ctx, step, { error: 'access_denied', error_description: 'The user did not consent.' });
  const { details, issuer } = step;
  const { provider } = issuer;
  const known = details.grantId ? await provider.Grant.find(details.grantId) : undefined;
  const accountId = details.session?.accountId;
  const grant: Grant =
    known ?? new provider.Grant({ accountId: accountId as string, clientId: String(details.params['client_id']) });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = details.prompt.details as Missing;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {}))
    grant.addResourceScope(resource, scopes.join(' '));
  await finish(ctx, step, { consent: { grantId: await grant.save() } });
}
