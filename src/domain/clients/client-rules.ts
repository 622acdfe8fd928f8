import { isIP } from 'node:net';
import { Failure } from '../../kernel/failure.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { isWebUrl, plainName } from '../../kernel/text.ts';
import { isScopeToken } from '../apis/api.ts';
import { CLIENT_MFA } from '../factors/factor.ts';
import { ACR } from '../sign-in/steps.ts';
import type { Client, ClientChange, ClientDraft, ClientFields, ClientKind, ClientValues } from './client.ts';
import { type ClientMetadata, withFields } from './client-metadata.ts';
import { isOrigin, redirectUriProblem } from './redirect-uri.ts';

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

type KindRule = { isPublic: boolean; grants: readonly string[]; mayUse: readonly string[] };

const CODE = ['authorization_code', 'refresh_token'];

/** What each kind is by default, and which grants it may use at all. */
const KINDS: Record<ClientKind, KindRule> = {
  web: { isPublic: false, grants: CODE, mayUse: [...CODE, 'client_credentials', DEVICE_GRANT] },
  spa: { isPublic: true, grants: CODE, mayUse: CODE },
  native: { isPublic: true, grants: CODE, mayUse: [...CODE, DEVICE_GRANT] },
  service: { isPublic: false, grants: ['client_credentials'], mayUse: ['client_credentials'] },
  partner: { isPublic: false, grants: ['client_credentials'], mayUse: ['client_credentials', ...CODE] },
};

/** Names of clients that are ours and in no table. */
const RESERVED = /^gatehouse(-|$)/i;

const invalid = (field: string, problem: string): never => {
  throw new Failure('client_invalid', { field, problem });
};

/** A new client with the defaults of its kind. @throws Failure `client_invalid` */
export function checkedClient(draft: ClientDraft): ClientValues {
  if (!/^[!-~]{1,128}$/.test(draft.clientId) || draft.clientId.includes(':'))
    return invalid('clientId', 'must be 1 to 128 printable characters, no colon');
  if (RESERVED.test(draft.clientId)) return invalid('clientId', 'is reserved');
  const metadata = defaultMetadata(draft.kind, draft);
  return assertSound({
    clientId: draft.clientId,
    kind: draft.kind,
    name: draft.name ?? draft.clientId.slice(0, LIMITS.nameChars),
    status: draft.status ?? 'active',
    firstParty: draft.firstParty ?? false,
    registered: false,
    metadata,
    pkceRequired: draft.pkceRequired ?? true,
    profile: draft.profile ?? null,
    legacyAssertions: draft.legacyAssertions ?? false,
    apiScopes: draft.scopes ?? null,
    allowedOrigins: draft.allowedOrigins ?? (draft.kind === 'spa' ? originsOf(draft.redirectUris ?? []) : []),
    allowedIps: draft.allowedIps ?? [],
    rateLimitPerMinute: draft.rateLimitPerMinute ?? null,
    mfa: draft.mfa ?? 'inherit',
    minAcr: draft.minAcr ?? null,
  });
}

/** A client with a change over it; another kind brings that kind's defaults. @throws Failure `client_invalid` */
export function changedClient(client: Client, change: ClientChange): ClientValues {
  const { createdAt: _, updatedAt: __, ...values } = client;
  const kind = change.kind ?? client.kind;
  return assertSound({
    ...values,
    kind,
    metadata: kind === client.kind ? keptMetadata(client.metadata, change) : defaultMetadata(kind, change),
    name: change.name ?? client.name,
    status: change.status ?? client.status,
    firstParty: change.firstParty ?? client.firstParty,
    pkceRequired: change.pkceRequired ?? client.pkceRequired,
    profile: change.profile === undefined ? client.profile : change.profile,
    legacyAssertions: change.legacyAssertions ?? client.legacyAssertions,
    apiScopes: change.scopes === undefined ? client.apiScopes : change.scopes,
    allowedOrigins: change.allowedOrigins ?? client.allowedOrigins,
    allowedIps: change.allowedIps ?? client.allowedIps,
    rateLimitPerMinute: change.rateLimitPerMinute === undefined ? client.rateLimitPerMinute : change.rateLimitPerMinute,
    mfa: change.mfa ?? client.mfa,
    minAcr: change.minAcr === undefined ? client.minAcr : change.minAcr,
  });
}

function defaultMetadata(kind: ClientKind, fields: ClientFields): ClientMetadata {
  const { isPublic, grants } = KINDS[kind];
  const grantTypes = fields.grantTypes ?? grants;
  const hasKeys = fields.jwks != null || fields.jwksUri != null;
  const fapi = fields.profile === 'fapi2';
  return withFields(
    {
      application_type: kind === 'native' ? 'native' : 'web',
      redirect_uris: [],
      grant_types: grantTypes,
      response_types: grantTypes.includes('authorization_code') ? ['code'] : [],
      token_endpoint_auth_method: isPublic ? 'none' : hasKeys ? 'private_key_jwt' : 'client_secret_basic',
      ...(fapi && { require_pushed_authorization_requests: true }),
      ...(fapi && !fields.tlsClientCertificateBoundAccessTokens && { dpop_bound_access_tokens: true }),
    },
    fields,
  );
}

/** A client that is given keys for the first time proves itself by them, unless the change says how. */
function keptMetadata(metadata: ClientMetadata, change: ClientChange): ClientMetadata {
  const hadKeys = metadata['jwks'] !== undefined || metadata['jwks_uri'] !== undefined;
  const gainsKeys = !hadKeys && (change.jwks != null || change.jwksUri != null);
  const method =
    gainsKeys && metadata['token_endpoint_auth_method'] !== 'none'
      ? { token_endpoint_auth_method: 'private_key_jwt' }
      : {};
  const types = change.grantTypes && {
    response_types: change.grantTypes.includes('authorization_code') ? ['code'] : [],
  };
  return withFields({ ...metadata, ...method, ...types }, change);
}

const originsOf = (uris: readonly string[]): string[] => [
  ...new Set(uris.flatMap((uri) => (URL.parse(uri)?.protocol.startsWith('http') ? [new URL(uri).origin] : []))),
];

function assertSound(client: ClientValues): ClientValues {
  if (plainName(client.name, LIMITS.nameChars) !== client.name) return invalid('name', 'must be plain text');
  if (JSON.stringify(client.metadata).length > LIMITS.jsonBodyBytes) return invalid('metadata', 'is too large');
  if (client.registered && client.firstParty)
    return invalid('firstParty', 'is not for a client that registered itself');
  assertGrants(client);
  assertAuthentication(client);
  assertUris(client);
  assertReach(client);
  assertFactors(client);
  return client;
}

/** A registration need not say them (RFC 7591 §2). */
const grantsOf = (metadata: ClientMetadata) => (metadata['grant_types'] ?? ['authorization_code']) as string[];

function assertGrants({ kind, metadata }: ClientValues): void {
  const grants = grantsOf(metadata);
  for (const grant of grants)
    if (!KINDS[kind].mayUse.includes(grant)) invalid('grantTypes', `${grant} is not for clients of kind ${kind}`);
  if (grants.length === 0) invalid('grantTypes', 'must name at least one');
  if (
    grants.includes('refresh_token') &&
    !grants.some((grant) => grant === 'authorization_code' || grant === DEVICE_GRANT)
  ) {
    invalid('grantTypes', 'refresh_token needs a grant that begins with a user');
  }
  const types = (metadata['response_types'] ?? (grants.includes('authorization_code') ? ['code'] : [])) as string[];
  if (types.some((type) => type !== 'code')) invalid('responseTypes', 'can only be code (RFC 9700 §2.1.2)');
  if (types.includes('code') !== grants.includes('authorization_code'))
    invalid('responseTypes', 'and grantTypes contradict each other');
}

function assertAuthentication({ kind, metadata, profile, pkceRequired, registered }: ClientValues): void {
  const method = metadata['token_endpoint_auth_method'];
  // What registered itself has no kind but the one that we gave it.
  if (!registered && KINDS[kind].isPublic !== (method === 'none')) {
    invalid(
      'tokenEndpointAuthMethod',
      KINDS[kind].isPublic ? `must be none: a ${kind} client keeps no secret` : 'must not be none',
    );
  }
  if (!pkceRequired && method === 'none')
    invalid('pkceRequired', 'cannot be off for a client without a secret (RFC 9700 §2.1.1)');
  if (profile === 'fapi2') {
    if (method !== 'private_key_jwt' && method !== 'self_signed_tls_client_auth')
      invalid('profile', 'fapi2 needs private_key_jwt or mutual TLS');
    if (metadata['require_pushed_authorization_requests'] !== true)
      invalid('profile', 'fapi2 needs pushed authorization requests');
    if (!metadata['dpop_bound_access_tokens'] && !metadata['tls_client_certificate_bound_access_tokens']) {
      invalid('profile', 'fapi2 needs sender-constrained tokens (DPoP or mutual TLS)');
    }
    if (!pkceRequired) invalid('pkceRequired', 'cannot be off with fapi2');
  }
}

const URLS = [
  'backchannel_logout_uri',
  'jwks_uri',
  'sector_identifier_uri',
  'initiate_login_uri',
  'client_uri',
  'logo_uri',
  'policy_uri',
  'tos_uri',
];

function assertUris({ kind, metadata }: ClientValues): void {
  for (const [name, field] of [
    ['redirect_uris', 'redirectUris'],
    ['post_logout_redirect_uris', 'postLogoutRedirectUris'],
  ] as const) {
    const uris = (metadata[name] ?? []) as string[];
    if (uris.length > LIMITS.redirectUris) invalid(field, `are more than ${LIMITS.redirectUris}`);
    for (const uri of uris) {
      const problem = redirectUriProblem(uri, { native: kind === 'native' });
      if (problem) invalid(field, `${uri.slice(0, 200)} ${problem}`);
    }
  }
  const wantsCode = grantsOf(metadata).includes('authorization_code');
  if (wantsCode && ((metadata['redirect_uris'] ?? []) as string[]).length === 0)
    invalid('redirectUris', 'are needed for authorization_code');
  for (const name of URLS) {
    const url = metadata[name];
    if (url !== undefined && !isWebUrl(String(url), LIMITS.redirectUriChars))
      invalid(name, 'must be an https URL without a fragment');
  }
}

function assertReach({ apiScopes, allowedOrigins, allowedIps, rateLimitPerMinute }: ClientValues): void {
  if (apiScopes && (apiScopes.length > LIMITS.apiScopes || !apiScopes.every(isScopeToken)))
    invalid('scopes', 'must be scope tokens (RFC 6749 §3.3)');
  if (allowedOrigins.length > LIMITS.allowedOrigins || !allowedOrigins.every(isOrigin))
    invalid('allowedOrigins', 'must be origins, as https://app.example');
  if (allowedIps.length > LIMITS.allowedIps || !allowedIps.every(isNetwork))
    invalid('allowedIps', 'must be addresses or CIDRs');
  if (
    rateLimitPerMinute !== null &&
    (!Number.isInteger(rateLimitPerMinute) || rateLimitPerMinute < 1 || rateLimitPerMinute > 1_000_000)
  ) {
    invalid('rateLimitPerMinute', 'must be 1 to 1000000');
  }
}

function assertFactors({ mfa, minAcr }: ClientValues): void {
  if (!CLIENT_MFA.includes(mfa)) invalid('mfa', `must be one of ${CLIENT_MFA.join(', ')}`);
  const classes: readonly string[] = Object.values(ACR);
  if (minAcr !== null && !classes.includes(minAcr)) invalid('minAcr', `must be one of ${classes.join(', ')}`);
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, more] = text.split('/');
  const family = text.length > 64 || address.includes('%') ? 0 : isIP(address);
  if (family === 0 || more !== undefined) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

/** A secret that somebody brings along: long enough, and of characters a form can carry (RFC 6749 §A.2). */
export function checkedSecret(secret: string): string {
  if (secret.length < LIMITS.clientSecretMinChars || secret.length > LIMITS.clientSecretMaxChars) {
    return invalid(
      'clientSecret',
      `must have ${LIMITS.clientSecretMinChars} to ${LIMITS.clientSecretMaxChars} characters`,
    );
  }
  return /^[\x21-\x7e]+$/.test(secret) ? secret : invalid('clientSecret', 'must be printable ASCII without spaces');
}

/** What a client that registered itself is (RFC 7591 §2 has no kinds). */
export function kindOfRegistered(metadata: ClientMetadata): ClientKind {
  if (metadata['application_type'] === 'native') return 'native';
  if (metadata['token_endpoint_auth_method'] === 'none') return 'spa';
  const grants = metadata['grant_types'];
  return Array.isArray(grants) && grants.length === 1 && grants[0] === 'client_credentials' ? 'service' : 'web';
}
