import type { AccessToken, ClientCredentials, KoaContextWithOIDC, UnknownObject } from 'oidc-provider';
import type { DirectoryTenant } from '../domain/tenants/tenant-directory.ts';
import { findActiveAccount } from './accounts.ts';
import { currentScope } from './request-scope.ts';
import { ownApi } from './resources.ts';

/**
 * What our access tokens say beyond RFC 9068: the tenant (`tid`), the session (`ses`; `sid` for clients that asked for
 * it) and the grant (`gid`; it is no credential), by which introspection finds out whether the token still counts. A
 * token for our own API names the roles too, and so does every token that a client gets by its own credentials.
 */
export function extraTokenClaims(tenant: DirectoryTenant, issuer: string) {
  return async (
    ctx: KoaContextWithOIDC | undefined,
    token: AccessToken | ClientCredentials,
  ): Promise<UnknownObject> => {
    const claims: UnknownObject = { tid: tenant.id };
    if (token.kind !== 'AccessToken') {
      const roles = ctx?.oidc.client?.['client_roles'];
      return roles === undefined ? claims : { ...claims, roles };
    }
    const { sid, sessionUid, expiresWithSession, grantId, accountId, aud } = token as AccessToken;
    if (grantId) claims['gid'] = grantId;
    if (sid) claims['sid'] = sid;
    if (sessionUid && expiresWithSession) claims['ses'] = sessionUid;
    if (aud === ownApi(issuer)) {
      const account = await findActiveAccount(tenant.id, accountId);
      claims['roles'] = account?.roles ?? [];
      // The answer of our own contracts names it.
      if (account) currentScope().email = account.email;
    }
    return claims;
  };
}
