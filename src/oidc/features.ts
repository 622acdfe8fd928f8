import { type Client, type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { DirectoryTenant } from '../domain/tenants/tenant-directory.ts';
import type { Origin } from '../kernel/call.ts';
import { randomToken } from '../kernel/secret.ts';
import { type RegistrationRules, registrationPolicies } from './registration.ts';
import { resourceServer } from './resources.ts';

/** The pages that the core asks for; `interactions/core-pages.ts` draws them. */
export type CorePages = {
  error(
    ctx: KoaContextWithOIDC,
    out: { error: string; error_description?: string | undefined },
    error: Error,
  ): Promise<void>;
  logout(ctx: KoaContextWithOIDC): Promise<void>;
  signedOut(ctx: KoaContextWithOIDC): Promise<void>;
  deviceInput(ctx: KoaContextWithOIDC, out?: { error: string }, error?: Error & { userCode?: string }): Promise<void>;
  deviceConfirm(
    ctx: KoaContextWithOIDC,
    client: Client,
    from: { ip?: string; userAgent?: string },
    userCode: string,
  ): Promise<void>;
  deviceDone(ctx: KoaContextWithOIDC): Promise<void>;
};

export type FeatureOptions = {
  tenant: DirectoryTenant;
  issuer: string;
  pages: CorePages;
  registration: RegistrationRules;
  /** The client's certificate in PEM, as a trusted proxy has seen it; undefined for everyone else. */
  certificateOf(ctx: KoaContextWithOIDC): string | undefined;
  refuseMetadata(key: string): never;
};

type Features = NonNullable<Configuration['features']>;

/** Which parts of the core are on. Everything that is not named here is off, or as safe as the core makes it. */
export function coreFeatures({ tenant, issuer, pages, registration, certificateOf }: FeatureOptions): Features {
  return {
    devInteractions: { enabled: false },
    pushedAuthorizationRequests: { enabled: true },
    requestObjects: { enabled: true },
    claimsParameter: { enabled: true },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true, nonceSecret: tenant.keyFor('dpop-nonce'), requireNonce: () => false },
    userinfo: { enabled: true },
    jwtUserinfo: { enabled: true },
    introspection: { enabled: true, allowedPolicy: async (_ctx, client, token) => mayIntrospect(client, token) },
    jwtIntrospection: { enabled: true },
    revocation: { enabled: true, allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId },
    resourceIndicators: {
      enabled: true,
      defaultResource: async (_ctx, _client, oneOf) => oneOf as never,
      useGrantedResource: async () => true,
      getResourceServerInfo: resourceServer(tenant, issuer),
    },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx) => pages.logout(ctx),
      postLogoutSuccessSource: (ctx) => pages.signedOut(ctx),
    },
    deviceFlow: deviceFlow(pages),
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      selfSignedTlsClientAuth: true,
      getCertificate: certificateOf,
    },
    fapi: { enabled: true, profile: (_ctx, client) => (client?.['fapi_profile'] ? '2.0' : undefined) },
    externalSigningSupport: { enabled: true, ack: 'experimental-01' },
    ...selfRegistration(tenant, registration),
  };
}

function deviceFlow(pages: CorePages): Features['deviceFlow'] {
  return {
    enabled: true,
    charset: 'base-20',
    mask: '****-****',
    deviceInfo: (ctx) => ({ ip: (ctx.state['origin'] as Origin).ip, userAgent: ctx.get('user-agent').slice(0, 200) }),
    userCodeInputSource: (ctx, _form, out, error) =>
      pages.deviceInput(ctx, out as { error: string } | undefined, error),
    userCodeConfirmSource: (ctx, _form, client, from, userCode) => pages.deviceConfirm(ctx, client, from, userCode),
    successSource: (ctx) => pages.deviceDone(ctx),
  };
}

/** Clients that register themselves (RFC 7591, 7592): only with an initial access token, and only where a tenant says so. */
function selfRegistration(
  tenant: DirectoryTenant,
  rules: RegistrationRules,
): Pick<Features, 'registration' | 'registrationManagement'> {
  if (!tenant.settings.registration.dynamicClients) {
    return { registration: { enabled: false }, registrationManagement: { enabled: false } };
  }
  return {
    registration: {
      enabled: true,
      initialAccessToken: true,
      idFactory: () => `reg_${randomToken(16)}`,
      secretFactory: () => randomToken(),
      policies: { tenant: registrationPolicies(rules) },
    },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
  };
}

/**
 * Who may look at a token: the client it was issued to, and the resource servers it is meant for, which a tenant names
 * by `resourceServers` of a confidential client. Nobody else learns even that it exists (RFC 7662 §2.1).
 */
function mayIntrospect(
  client: Client,
  token: { clientId?: string | undefined; aud?: string | string[] | undefined },
): boolean {
  if (client.clientAuthMethod === 'none') return false;
  if (token.clientId === client.clientId) return true;
  const serves = (client['resource_servers'] as string[] | undefined) ?? [];
  return typeof token.aud === 'string' && serves.includes(token.aud);
}

/** Refuses to set metadata that is the tenant's, not the client's. */
export function refuseMetadata(key: string): never {
  throw new errors.InvalidClientMetadata(`${key} cannot be set by registration`);
}
