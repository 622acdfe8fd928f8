import type { Knex } from 'knex';
import {
  type Client,
  type Configuration,
  type JWKS,
  type KoaContextWithOIDC,
  Provider,
  type RefreshToken,
} from 'oidc-provider';
import type { SigningKey } from '../domain/keys/signing-key.ts';
import type { DirectoryTenant } from '../domain/tenants/tenant-directory.ts';
import { LIMITS } from '../kernel/limits.ts';
import { hmac } from '../kernel/secret.ts';
import { accountOf } from './accounts.ts';
import { type AdapterOptions, adapterFactory } from './adapter.ts';
import { assertAssertion } from './client-assertion.ts';
import { FIRST_PARTY_CLIENT, OWN_METADATA } from './client-source.ts';
import { coreFeatures, type FeatureOptions } from './features.ts';
import { existingGrant } from './grants.ts';
import { type HardenOptions, harden } from './harden.ts';
import { jwksOf } from './jwks.ts';
import { PARAMETER_RULES } from './parameter-rules.ts';
import { ACR_VALUES, assertStrongEnough, type PolicyDeps, signInPolicy } from './policy.ts';
import type { RefreshSettings } from './refresh-chain-store.ts';
import { absoluteEnd } from './session-model-store.ts';
import { extraTokenClaims } from './token-claims.ts';

/** Seconds a first-party (JSON) refresh token lives at most: v1's refreshExpiresIn. */
const FIRST_PARTY_REFRESH_SECONDS = 28_800;

export type ProviderOptions = FeatureOptions &
  Omit<AdapterOptions, 'tenant' | 'refresh' | 'session'> &
  Pick<HardenOptions, 'assertClientAddress' | 'clientRate'> &
  Pick<PolicyDeps, 'secondFactorOf' | 'dutiesOf'> & {
    db: Knex;
    tenant: DirectoryTenant;
    issuer: string;
    /** `/t/{slug}`, or empty for a tenant that has its host to itself. */
    mount: string;
    keys: readonly SigningKey[];
    /** Seconds of grace for a repeated refresh, where the tenant sets none. */
    refreshGrace: number;
    onReplay: RefreshSettings['onReplay'];
    /** All outbound requests of the core go through the egress module. */
    egress: typeof fetch;
  };

/** One instance of the certified core, for one issuer. It holds no state: all of it is in the database. */
export function createProvider(options: ProviderOptions): Provider {
  const { tenant, issuer, db } = options;
  const provider = new Provider(issuer, configuration(options));
  // The outer app has worked out address and scheme (http/client-address.ts); the core must not read headers again.
  provider.proxy = false;
  return harden(provider, {
    db,
    tenantId: tenant.id,
    refreshKey: tenant.keyFor('refresh-chain'),
    clientSecretKey: tenant.keyFor('client-secret'),
    assertClientAddress: options.assertClientAddress,
    clientRate: options.clientRate,
  });
}

function configuration(options: ProviderOptions): Configuration {
  const { tenant, issuer, mount, pages, refreshGrace, onReplay } = options;
  const { settings } = tenant;
  const grace = settings.tokens.refreshGraceSeconds ?? refreshGrace;
  const { maxPerUser } = settings.sessions;
  return {
    adapter: adapterFactory({
      ...options,
      refresh: { grace, lifetimes: settings.sessions, onReplay },
      session: { maxPerUser },
    }),
    jwks: jwksOf(options.keys) as JWKS,
    routes: ROUTES,
    cookies: cookies(tenant, issuer, mount),
    ttl: lifetimes(tenant),
    claims: CLAIMS,
    scopes: ['openid', 'offline_access', 'profile', 'email', 'phone'],
    acrValues: [...ACR_VALUES],
    clientDefaults: {
      id_token_signed_response_alg: settings.tokens.signingAlg,
      response_types: ['code'],
      grant_types: ['authorization_code'],
    },
    ...CLIENT_RULES,
    pairwiseIdentifier: async (_ctx, accountId, client) =>
      hmac(tenant.keyFor('pairwise'), `${client.sectorIdentifier}|${accountId}`).toString('base64url'),
    pkce: {
      required: (_ctx, client) =>
        client.clientAuthMethod === 'none' || client['pkce_required'] !== false || isFapi(client),
    },
    allowOmittingSingleRegisteredRedirectUri: false,
    conformIdTokenClaims: settings.claims.conformIdTokenClaims,
    clockTolerance: 10,
    extraClientMetadata: {
      ...CLIENT_RULES.extraClientMetadata,
      // A context is there when a stranger registers or changes a client (RFC 7591): none of ours may be set.
      validator(ctx, key, value) {
        if (ctx && value !== undefined && key !== 'registered') options.refuseMetadata(key);
      },
    },
    clientBasedCORS: (_ctx, origin, client) =>
      ((client['allowed_origins'] as string[] | undefined) ?? []).includes(origin),
    assertJwtClientAuthClaimsAndHeader: assertAssertion(issuer),
    findAccount: async (ctx, sub, token) => {
      if (token?.kind === 'RefreshToken') await assertStrongEnough(ctx, token as RefreshToken, options);
      return accountOf(tenant.id, sub);
    },
    loadExistingGrant: existingGrant,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async (_ctx, source) => !source.scopes.has('offline_access'),
    rotateRefreshToken: rotates,
    extraTokenClaims: extraTokenClaims(tenant, issuer),
    extraParams: PARAMETER_RULES,
    interactions: {
      policy: signInPolicy(options),
      url: (_ctx, interaction) => `${mount}/interaction/${interaction.uid}`,
    },
    renderError: (ctx, out, error) => pages.error(ctx, out, error),
    fetch: options.egress as NonNullable<Configuration['fetch']>,
    fetchResponseBodyLimits: { jwks_uri: LIMITS.egressBodyBytes, sector_identifier_uri: LIMITS.egressBodyBytes },
    features: coreFeatures(options),
  };
}

const isFapi = (client: Client) => client['fapi_profile'] !== undefined;

/** Bearer tokens are rotated; one that is bound to a key stays as it is (FAPI 2.0 §5.3.2.1). */
function rotates(ctx: KoaContextWithOIDC): boolean {
  const { RefreshToken: token, Client: client } = ctx.oidc.entities;
  return !(token?.isSenderConstrained() || (client && isFapi(client)));
}

const ROUTES = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  introspection: '/oauth/introspect',
  revocation: '/oauth/revoke',
  userinfo: '/oauth/userinfo',
  pushed_authorization_request: '/oauth/par',
  device_authorization: '/oauth/device',
  code_verification: '/device',
  end_session: '/oauth/logout',
  registration: '/oauth/register',
  jwks: '/.well-known/jwks.json',
};

const OWN_PATHS = new Set([...Object.values(ROUTES), '/.well-known/openid-configuration']);

/** Whether the core answers this path below an issuer, in exactly this spelling. */
export function isRoute(path: string): boolean {
  if (OWN_PATHS.has(path)) return true;
  const [, route, last] = /^(\/.+)\/([^/]+)$/.exec(path) ?? [];
  return last !== undefined && OWN_PATHS.has(route as string);
}

const CLAIMS = {
  openid: ['sub', 'acr', 'amr', 'auth_time', 'sid'],
  profile: ['name', 'given_name', 'family_name', 'preferred_username', 'locale', 'zoneinfo', 'updated_at'],
  email: ['email', 'email_verified'],
  phone: ['phone_number', 'phone_number_verified'],
};

/** No symmetric algorithm: they are keyed by the client's secret, which we keep as a hash. */
const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'Ed25519'] as const;
const ALGORITHMS = {
  clientAuthSigningAlgValues: [...ASYMMETRIC],
  idTokenSigningAlgValues: ['RS256', 'ES256'] as const,
  requestObjectSigningAlgValues: [...ASYMMETRIC],
  userinfoSigningAlgValues: ['RS256', 'ES256'] as const,
  introspectionSigningAlgValues: ['RS256', 'ES256'] as const,
  authorizationSigningAlgValues: ['RS256', 'ES256'] as const,
  dPoPSigningAlgValues: ['RS256', 'PS256', 'ES256', 'Ed25519'] as const,
} as unknown as NonNullable<Configuration['enabledJWA']>;

/** What a client may be, whichever the tenant. */
export const CLIENT_RULES = {
  clientAuthMethods: [
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    'self_signed_tls_client_auth',
    'none',
  ],
  enabledJWA: ALGORITHMS,
  responseTypes: ['code'],
  subjectTypes: ['public', 'pairwise'],
  extraClientMetadata: { properties: [...OWN_METADATA] },
} satisfies Configuration;

function cookies(tenant: DirectoryTenant, issuer: string, mount: string): NonNullable<Configuration['cookies']> {
  const secure = issuer.startsWith('https:');
  // A tenant below a path and the one at the root share a host, so their cookies must not share a name.
  const name = mount ? 'ght' : 'gh';
  const host = secure ? (mount ? '__Secure-' : '__Host-') : '';
  const short = secure ? '__Secure-' : '';
  return {
    keys: [tenant.keyFor('cookie').toString('base64url')],
    names: {
      session: `${host}${name}_session`,
      interaction: `${short}${name}_interaction`,
      resume: `${short}${name}_resume`,
    },
    long: { httpOnly: true, sameSite: 'lax', path: mount || '/', secure, overwrite: true, signed: true },
    short: { httpOnly: true, sameSite: 'lax', secure, overwrite: true, signed: true },
  };
}

function lifetimes({ settings: { tokens, sessions } }: DirectoryTenant): NonNullable<Configuration['ttl']> {
  const now = () => Math.floor(Date.now() / 1000);
  return {
    AccessToken: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? tokens.accessTokenSeconds,
    ClientCredentials: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? tokens.accessTokenSeconds,
    AuthorizationCode: 60,
    DeviceCode: 600,
    IdToken: tokens.idTokenSeconds,
    Interaction: 3_600,
    RegistrationAccessToken: LIMITS.registrationTokenSeconds,
    // A family ends LIMITS.refreshChainSeconds after it began, however often it was refreshed, and with its session.
    RefreshToken: (_ctx, token) => {
      const each = token.clientId === FIRST_PARTY_CLIENT ? FIRST_PARTY_REFRESH_SECONDS : tokens.refreshTokenSeconds;
      const last = (token.iiat ?? now()) + LIMITS.refreshChainSeconds;
      const session = token.expiresWithSession ? absoluteEnd(token.sessionUid, sessions.absoluteSeconds) : undefined;
      return Math.max(1, Math.min(each, last - now(), (session ?? last) - now()));
    },
    // Longer than anything that hangs on it.
    Grant: Math.max(LIMITS.refreshChainSeconds, sessions.absoluteSeconds) + 86_400,
    // Idle, but never past the absolute end. A browser where nobody is signed in is remembered for an hour: strangers
    // make such rows at will.
    Session: (_ctx, session) =>
      session.accountId === undefined
        ? 3_600
        : Math.max(1, Math.min(sessions.idleSeconds, (session.loginTs ?? now()) + sessions.absoluteSeconds - now())),
  };
}
