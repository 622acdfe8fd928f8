import { errors, type Provider, type TokenEndpointGrantContext } from 'oidc-provider';
import type { Vouched } from '../domain/sign-in/tokens.ts';
import { newId } from '../kernel/ids.ts';
import { FIRST_PARTY_CLIENT, FIRST_PARTY_GRANT } from './client-source.ts';
import { applyRefreshTokenBindings, buildTokenResponse, resolveAndApplyResource } from './oidc-internals.ts';
import { ownApi } from './resources.ts';

/** Set on the state of a request that our own code makes, in this process; no request from outside can set it. */
export type FirstPartyState = { vouched?: Vouched };

/**
 * The grant of JSON logins: our route has checked the person, and the core mints a session, a grant and tokens for them
 * exactly as it does for a browser, so that introspection, refresh, logout and 'my sessions' know one kind of token. Over
 * HTTP it answers `unauthorized_client`.
 */
export function registerFirstPartyGrant(provider: Provider, sessionSeconds: number): void {
  const resource = ownApi(provider.issuer);
  provider.registerGrantType(
    FIRST_PARTY_GRANT,
    async (ctx: TokenEndpointGrantContext) => {
      const { vouched } = ctx.state as FirstPartyState;
      const { client } = ctx.oidc;
      if (!vouched || client.clientId !== FIRST_PARTY_CLIENT) throw new errors.UnauthorizedClient();
      const source = await begin(provider, ctx, vouched, sessionSeconds);

      const { grant, scope, session, common } = source;
      const accessToken = new provider.AccessToken({ ...common });
      const asked = {
        ...common,
        scope,
        scopes: new Set([scope]),
        resource,
        resourceIndicators: new Set([resource]),
        claims: undefined,
      };
      await resolveAndApplyResource(provider, ctx, asked as never, accessToken, grant);
      ctx.oidc.entity('AccessToken', accessToken);
      const value = await accessToken.save();
      const refreshToken = new provider.RefreshToken({
        ...common,
        acr: vouched.acr,
        amr: [...vouched.amr],
        authTime: session.loginTs as number,
        resource,
        rotations: 0,
        scope,
      });
      await applyRefreshTokenBindings(provider, ctx, accessToken, refreshToken);
      ctx.oidc.entity('RefreshToken', refreshToken);
      ctx.body = {
        ...buildTokenResponse(provider, {
          accessToken: value,
          expiresIn: accessToken.expiration,
          refreshToken: await refreshToken.save(),
          scope: accessToken.scope,
          tokenType: accessToken.tokenType,
        }),
        session_uid: session.uid,
      };
    },
    [],
    [],
  );
}

async function begin(provider: Provider, ctx: TokenEndpointGrantContext, vouched: Vouched, sessionSeconds: number) {
  const { client } = ctx.oidc;
  const scope = 'account';
  const grant = new provider.Grant({ accountId: vouched.userId, clientId: client.clientId });
  grant.addResourceScope(ownApi(provider.issuer), scope);
  const grantId = await grant.save();
  ctx.oidc.entity('Grant', grant);

  const session = new provider.Session();
  session.uid = newId();
  session.loginAccount({
    accountId: vouched.userId,
    amr: [...vouched.amr],
    acr: vouched.acr,
    loginTs: Math.floor(vouched.authTime.getTime() / 1000),
  });
  session.ensureClientContainer(client.clientId);
  session.grantIdFor(client.clientId, grantId);
  await session.save(sessionSeconds);
  ctx.oidc.entity('Session', session);

  const common = {
    accountId: vouched.userId,
    client,
    grantId,
    gty: FIRST_PARTY_GRANT,
    sessionUid: session.uid,
    sid: session.sidFor(client.clientId) as string,
    expiresWithSession: true,
  };
  return { grant, scope, session, common };
}
