import type { Grant, KoaContextWithOIDC } from 'oidc-provider';

/**
 * The grant that an authorization builds on: what this browser's session has given this client before. For a
 * first-party client it is made, or widened to what is asked for, without a consent page.
 */
export async function existingGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { provider, client, session, account, result } = ctx.oidc;
  if (!client || !session || !account) return undefined;
  const grantId = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  const found = grantId ? await provider.Grant.find(grantId) : undefined;
  // A grant of somebody else who used this browser before is not theirs to build on.
  const grant = found?.accountId === account.accountId ? found : undefined;
  if (client['first_party'] !== true) return grant;
  const own = grant ?? new provider.Grant({ accountId: account.accountId, clientId: client.clientId });
  const widened = widen(ctx, own);
  if (!grant || widened) await own.save();
  return own;
}

function widen(ctx: KoaContextWithOIDC, grant: Grant): boolean {
  const { requestParamOIDCScopes, requestParamScopes, requestParamClaims, resourceServers } = ctx.oidc;
  const known = new Set(grant.getOIDCScopeEncountered().split(' '));
  const scopes = [...requestParamOIDCScopes].filter((scope) => !known.has(scope));
  if (scopes.length > 0) grant.addOIDCScope(scopes.join(' '));
  const knownClaims = new Set(grant.getOIDCClaimsEncountered());
  const claims = [...requestParamClaims].filter((claim) => !knownClaims.has(claim));
  if (claims.length > 0) grant.addOIDCClaims(claims);
  let widened = scopes.length > 0 || claims.length > 0;
  for (const [resource, server] of Object.entries(resourceServers ?? {})) {
    const had = new Set(grant.getResourceScopeEncountered(resource).split(' '));
    const more = [...requestParamScopes].filter((scope) => server.scopes.has(scope) && !had.has(scope));
    if (more.length === 0) continue;
    grant.addResourceScope(resource, more.join(' '));
    widened = true;
  }
  return widened;
}
