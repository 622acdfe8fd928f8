import type { Route } from '../../src/api/routes.ts';
import type { Schema } from './fields.ts';
import type { SignedIn } from './v1.ts';
import { everyRoute, pathOf } from './write-requests.ts';
import type { Write } from './writes/write.ts';

// biome-ignore lint/suspicious/noExplicitAny: a thing of any shape
type Thing = Record<string, any>;

/** Values that a field may have, where the schema alone does not say. */
const VALUES: Record<string, (owner: SignedIn) => unknown> = {
  country: () => 'DE',
  locale: () => 'ar',
  timezone: () => 'Asia/Tehran',
  phone: () => '+4915112345678',
  email: ({ site }) => `other@${site.slug}.test`,
  username: () => 'other.name',
  roles: () => ['AUDITOR'],
  permissions: () => ['ward.beds:admit'],
  events: () => ['node.*'],
  url: () => 'https://other.example/hook',
  contacts: () => ['other@example.com'],
  scopes: () => ['read'],
  allowedOrigins: () => ['https://other.example'],
  allowedIps: () => ['198.51.100.0/24'],
  minAcr: () => 'urn:gatehouse:acr:2fa',
  request_object_signing_alg: () => 'ES256',
  id_token_signed_response_alg: () => 'ES256',
  userinfo_signed_response_alg: () => 'ES256',
  introspection_signed_response_alg: () => 'ES256',
  jwks: () => ({
    keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', use: 'sig' }],
  }),
  parentId: async ({ as }) =>
    (await as('POST', '/api/v1/nodes', { body: { type: 'facility', name: 'Elsewhere' } })).body.id,
};

/** The same of one operation, whose fields are called as others are. */
const VALUES_OF: Record<string, Record<string, unknown>> = {
  updateTenant: { config: { region: 'south' } },
  updateTenantSettings: {
    currency: 'EUR',
    dateFormat: 'dd.MM.yyyy',
    branding: { primaryColor: '#123456' },
    password: { minLength: 12 },
    lockout: { maxAttempts: 7 },
    tokens: { idTokenSeconds: 600 },
    sessions: { idleSeconds: 3_600 },
    mfa: { rememberDeviceDays: 7 },
    signIn: { requireVerifiedEmail: true },
    terms: { required: false },
    registration: { unverifiedDays: 9 },
    profile: { ownUsername: true },
    smtp: { host: 'mail.example', fromAddress: 'post@mail.example' },
    sms: { perHour: 5 },
    audit: { retentionDays: 60 },
    claims: { conformIdTokenClaims: false },
    privacy: { graceDays: 3 },
  },
};

/** What changes with a field, by operation. */
export const WITH: Record<string, Record<string, string[]>> = {
  updateUser: { email: ['emailVerified'] },
  // Keys of its own are how it proves itself from then on.
  updateClient: { jwks: ['token_endpoint_auth_method'] },
  updateWebhook: { status: ['disabledReason'] },
};

/** What the thing that is changed cannot have, being what it is, or not from its administrator, by operation. */
export const NOT_HERE: Record<string, string[]> = {
  // These are for operators.
  updateTenant: ['slug', 'type', 'status'],
  updateTenantSettings: ['maxUsers', 'maxInstances', 'features'],
  // A machine has one way to get tokens and no page, and keys stand in one place.
  updateClient: [
    ...['grant_types', 'response_types', 'default_acr_values', 'profile', 'jwks_uri'],
    ...['token_endpoint_auth_signing_alg', 'tls_client_certificate_bound_access_tokens'],
  ],
};

/** Another value of a field than it has. */
export async function changesOf(
  owner: SignedIn,
  { name }: Pick<Route, 'name'>,
  field: string,
  schema: Schema,
  now: unknown,
): Promise<unknown> {
  const own = VALUES_OF[name]?.[field];
  if (own !== undefined) return own;
  const known = VALUES[field];
  if (known) return known(owner);
  const kinds: Schema[] = schema['anyOf'] ?? [schema];
  const { type: types, enum: words, const: only, minimum = 0, items } = kinds.find(({ type }) => type !== 'null')!;
  const type = Array.isArray(types) ? types.find((one) => one !== 'null') : types;
  if (only !== undefined) return only;
  if (words) return words.find((word: unknown) => word !== now);
  if (type === 'boolean') return now !== true;
  if (type === 'integer') return Math.max(minimum, 1) + (now === Math.max(minimum, 1) ? 1 : 0);
  if (type === 'array') return [await changesOf(owner, { name }, field, items, undefined)];
  if (type === 'string') return /uri/i.test(field) ? `https://other.example/${field}` : `Another ${field}`;
  return {};
}

/** Reads the thing that a write is about, as the API shows it. */
export function readerOf({ as }: SignedIn, route: Route, write: Write): () => Promise<Thing> {
  const path = pathOf(route, write);
  const isShown = everyRoute.some(
    ({ operation: { method, path: at } }) => method === 'GET' && at === route.operation.path,
  );
  if (isShown) return async () => (await as('GET', path)).body;
  const [, list, id] = /^(.*)\/([^/]+)$/.exec(path)!;
  return async () => {
    const { body } = await as('GET', list!);
    const all = (Array.isArray(body) ? body : Object.values(body).find(Array.isArray)) as Thing[];
    return all.find((thing) => thing['id'] === id)!;
  };
}
