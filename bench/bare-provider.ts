import '../src/oidc/core-notices.ts';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { type Adapter, type AdapterPayload, type Configuration, errors, Provider } from 'oidc-provider';
import { CALLBACK, JWT_API, OPAQUE_API, ROBOT, WEB } from './site.ts';

/**
 * The yardstick: oidc-provider alone, with everything in a Map, in a process of its own. It has the features, routes and
 * key sizes of Gatehouse, its own pages for signing in, and forgets all when it ends.
 */
const rows = new Map<string, AdapterPayload>();
const keysOfGrant = new Map<string, string[]>();
const uids = new Map<string, string>();

/** The core's example adapter without its limit of 1,000 entries, which a round would run into. */
class MemoryAdapter implements Adapter {
  readonly #model: string;

  constructor(model: string) {
    this.#model = model;
  }

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    const key = `${this.#model}:${id}`;
    if (this.#model === 'Session') uids.set(payload.uid as string, id);
    if (payload.grantId) {
      const kept = keysOfGrant.get(payload.grantId);
      if (kept) kept.push(key);
      else keysOfGrant.set(payload.grantId, [key]);
    }
    rows.set(key, payload);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return rows.get(`${this.#model}:${id}`);
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const id = uids.get(uid);
    return id === undefined ? undefined : this.find(id);
  }

  async findByUserCode(): Promise<undefined> {
    return undefined;
  }

  async consume(id: string): Promise<void> {
    const row = rows.get(`${this.#model}:${id}`);
    if (row) row['consumed'] = Math.floor(Date.now() / 1000);
  }

  async destroy(id: string): Promise<void> {
    rows.delete(`${this.#model}:${id}`);
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const key of keysOfGrant.get(grantId) ?? []) rows.delete(key);
    keysOfGrant.delete(grantId);
  }
}

async function signingKey(alg: 'RS256' | 'ES256') {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
  return { ...(await exportJWK(privateKey)), use: 'sig', alg };
}

const CLIENTS: NonNullable<Configuration['clients']> = [
  {
    client_id: WEB.id,
    client_secret: WEB.secret,
    redirect_uris: [CALLBACK],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
  },
  {
    client_id: ROBOT.id,
    client_secret: ROBOT.secret,
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
  },
];

const FEATURES: NonNullable<Configuration['features']> = {
  devInteractions: { enabled: true },
  pushedAuthorizationRequests: { enabled: true },
  requestObjects: { enabled: true },
  claimsParameter: { enabled: true },
  clientCredentials: { enabled: true },
  dPoP: { enabled: true },
  introspection: {
    enabled: true,
    allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId,
  },
  jwtIntrospection: { enabled: true },
  revocation: { enabled: true },
  backchannelLogout: { enabled: true },
  deviceFlow: { enabled: true },
  resourceIndicators: {
    enabled: true,
    defaultResource: async (_ctx, _client, oneOf) => oneOf as never,
    useGrantedResource: async () => true,
    getResourceServerInfo: async (_ctx, resource) => {
      const common = { scope: 'read write', audience: resource, accessTokenTTL: 900 };
      if (resource === JWT_API) return { ...common, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
      if (resource === OPAQUE_API) return { ...common, accessTokenFormat: 'opaque' };
      throw new errors.InvalidTarget();
    },
  },
};

async function configuration(): Promise<Configuration> {
  return {
    adapter: MemoryAdapter,
    jwks: { keys: [await signingKey('RS256'), await signingKey('ES256')] } as NonNullable<Configuration['jwks']>,
    cookies: { keys: ['a-key-for-the-cookies-of-the-bench'] },
    clients: CLIENTS,
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      introspection: '/oauth/introspect',
      jwks: '/.well-known/jwks.json',
    },
    claims: {
      openid: ['sub', 'acr', 'amr', 'auth_time', 'sid'],
      profile: ['name', 'given_name', 'family_name'],
      email: ['email', 'email_verified'],
    },
    scopes: ['openid', 'offline_access', 'profile', 'email'],
    pkce: { required: () => true },
    findAccount: async (_ctx, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async (_ctx, source) => !source.scopes.has('offline_access'),
    rotateRefreshToken: true,
    extraTokenClaims: async () => ({ tid: '00000000-0000-7000-8000-000000000000' }),
    features: FEATURES,
  };
}

const port = Number(process.env['PORT']);
const provider = new Provider(`http://localhost:${port}`, await configuration());
createServer({ keepAliveTimeout: 5_000 }, provider.callback()).listen(port, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
