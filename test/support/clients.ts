import * as openid from 'openid-client';
import { aBrowser } from './browser.ts';
import { CALLBACK, fetchAt, type Site, type TestNode, WEB_SECRET } from './node.ts';

/** openid-client, set up for a tenant as any application would. */
export async function configured(
  node: Pick<TestNode, 'port'>,
  { issuer }: Pick<Site, 'issuer'>,
  clientId = 'web',
  authentication: openid.ClientAuth | string | undefined = WEB_SECRET,
  metadata: Partial<openid.ClientMetadata> = {},
): Promise<openid.Configuration> {
  const config = await openid.discovery(
    new URL(issuer),
    clientId,
    typeof authentication === 'string' ? { client_secret: authentication, ...metadata } : metadata,
    typeof authentication === 'string' ? undefined : (authentication ?? openid.None()),
    { execute: [openid.allowInsecureRequests], [openid.customFetch]: fetchAt(node) as openid.CustomFetch },
  );
  config[openid.customFetch] = fetchAt(node) as openid.CustomFetch;
  return config;
}

export type CodeRequest = {
  scope?: string;
  resource?: string;
  redirectUri?: string;
  more?: Record<string, string>;
  par?: boolean;
};

/** An authorization request with PKCE, and what is needed to redeem its code. */
export async function authorization(
  config: openid.Configuration,
  { scope = 'openid', resource, redirectUri = CALLBACK, more = {}, par = false }: CodeRequest = {},
) {
  const verifier = openid.randomPKCECodeVerifier();
  const state = openid.randomState();
  const parameters = {
    redirect_uri: redirectUri,
    scope,
    state,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...(resource && { resource }),
    ...more,
  };
  const url = par
    ? await openid.buildAuthorizationUrlWithPAR(config, parameters)
    : openid.buildAuthorizationUrl(config, parameters);
  return {
    url,
    redeem: (back: URL, extra?: openid.AuthorizationCodeGrantOptions) =>
      openid.authorizationCodeGrant(
        config,
        back,
        { pkceCodeVerifier: verifier, expectedState: state },
        undefined,
        extra,
      ),
    verifier,
    state,
  };
}

/** Signs the site's user in with a browser of its own and gives the tokens of the client. */
export async function signedIn(
  node: TestNode,
  site: Site,
  request: CodeRequest & { clientId?: string; secret?: string } = {},
) {
  const config = await configured(node, site, request.clientId, request.secret);
  const browser = aBrowser(node);
  const { url, redeem } = await authorization(config, request);
  const back = await browser.signIn(url, site.email);
  const tokens = await redeem(back.url);
  return { config, browser, tokens };
}
