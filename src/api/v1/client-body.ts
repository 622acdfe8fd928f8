import { z } from 'zod';
import type { Client, ClientFields } from '../../domain/clients/client.ts';
import { fieldsNamed, METADATA_NAMES, type MetadataName } from '../../domain/clients/client-metadata.ts';
import { CLIENT_MFA } from '../../domain/factors/factor.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { time } from './fields.ts';

const text = (chars: number) => z.string().min(1).max(chars);
const uri = text(LIMITS.redirectUriChars);
const uris = z.array(uri).max(LIMITS.redirectUris);
const alg = text(16);
const seconds = z.int().min(0).max(LIMITS.refreshChainSeconds);
/** Null takes the value away. */
const orNone = <S extends z.ZodType>(schema: S) => schema.nullable().optional();

/** Lengths and forms only: what a client of its kind may say of itself, the domain says, and after it the core. */
const metadata = {
  redirect_uris: uris.optional(),
  post_logout_redirect_uris: uris.optional(),
  grant_types: z.array(text(128)).max(10).optional(),
  response_types: z.array(text(32)).max(5).optional(),
  token_endpoint_auth_method: z
    .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'self_signed_tls_client_auth', 'none'])
    .optional(),
  token_endpoint_auth_signing_alg: orNone(alg),
  jwks: orNone(z.strictObject({ keys: z.array(z.record(text(32), z.unknown())).max(20) })),
  jwks_uri: orNone(uri),
  backchannel_logout_uri: orNone(uri),
  backchannel_logout_session_required: orNone(z.boolean()),
  require_pushed_authorization_requests: orNone(z.boolean()),
  require_signed_request_object: orNone(z.boolean()),
  request_object_signing_alg: orNone(alg),
  dpop_bound_access_tokens: orNone(z.boolean()),
  tls_client_certificate_bound_access_tokens: orNone(z.boolean()),
  id_token_signed_response_alg: orNone(alg),
  userinfo_signed_response_alg: orNone(alg),
  introspection_signed_response_alg: orNone(alg),
  subject_type: orNone(z.enum(['public', 'pairwise'])),
  sector_identifier_uri: orNone(uri),
  default_max_age: orNone(seconds),
  require_auth_time: orNone(z.boolean()),
  default_acr_values: orNone(z.array(text(128)).max(20)),
  initiate_login_uri: orNone(uri),
  client_uri: orNone(uri),
  logo_uri: orNone(uri),
  policy_uri: orNone(uri),
  tos_uri: orNone(uri),
  contacts: orNone(z.array(text(254)).max(20)),
  resource_servers: orNone(z.array(uri).max(50)),
} satisfies Record<MetadataName, z.ZodType>;

/** What may be said of a client, at its making and later. */
export const clientFields = {
  client_name: text(LIMITS.nameChars * 2).optional(),
  ...metadata,
  firstParty: z.boolean().optional(),
  pkceRequired: z.boolean().optional(),
  profile: orNone(z.literal('fapi2')),
  legacyAssertions: z.boolean().optional(),
  scopes: orNone(z.array(text(128)).max(LIMITS.apiScopes)),
  allowedOrigins: z.array(uri).max(LIMITS.allowedOrigins).optional(),
  allowedIps: z.array(text(64)).max(LIMITS.allowedIps).optional(),
  rateLimitPerMinute: orNone(z.int().min(1).max(1_000_000)),
  mfa: z.enum(CLIENT_MFA).optional(),
  minAcr: orNone(text(128)),
};

const fieldsBody = z.strictObject(clientFields);

/** The same as the domain spells it. */
export function fieldsFrom({
  client_name: name,
  firstParty,
  pkceRequired,
  profile,
  legacyAssertions,
  scopes,
  allowedOrigins,
  allowedIps,
  rateLimitPerMinute,
  mfa,
  minAcr,
  ...protocol
}: z.output<typeof fieldsBody>): ClientFields {
  const own = { name, firstParty, pkceRequired, profile, legacyAssertions, scopes };
  const reach = { allowedOrigins, allowedIps, rateLimitPerMinute, mfa, minAcr };
  return { ...own, ...reach, ...fieldsNamed(protocol) };
}

export const clientKind = z.enum(['web', 'spa', 'native', 'service', 'partner']);
export const clientStatus = z.enum(['active', 'disabled']);
/** A client's id is whatever it was registered under. */
export const clientId = z.string().regex(/^[!-~]{1,128}$/, 'must be 1 to 128 printable characters');

/** A client, as every operation of this contract shows it: never with a secret. */
export const clientBody = z.object({
  id: clientId,
  client_id: clientId,
  client_name: z.string(),
  kind: clientKind,
  status: clientStatus,
  registered: z.boolean(),
  firstParty: z.boolean(),
  ...z.object(metadata).partial().shape,
  pkceRequired: z.boolean(),
  profile: z.literal('fapi2').nullable(),
  legacyAssertions: z.boolean(),
  scopes: z.array(z.string()).nullable(),
  allowedOrigins: z.array(z.string()),
  allowedIps: z.array(z.string()),
  rateLimitPerMinute: z.int().nullable(),
  mfa: z.enum(CLIENT_MFA),
  minAcr: z.string().nullable(),
  createdAt: time,
  updatedAt: time,
});

const SHOWN = new Set<string>(Object.values(METADATA_NAMES));

export function presentClient(client: Client): z.input<typeof clientBody> {
  const { clientId: id, name, metadata: kept, apiScopes, createdAt, updatedAt, ...own } = client;
  return {
    id,
    client_id: id,
    client_name: name,
    ...Object.fromEntries(Object.entries(kept).filter(([key]) => SHOWN.has(key))),
    ...own,
    scopes: apiScopes && [...apiScopes],
    allowedOrigins: [...own.allowedOrigins],
    allowedIps: [...own.allowedIps],
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

export const exampleClient: z.input<typeof clientBody> = {
  id: 'cli_01HZX3F5T8Q2M4N6P7R9S0V1WA',
  client_id: 'cli_01HZX3F5T8Q2M4N6P7R9S0V1WA',
  client_name: 'Harbour Books',
  kind: 'web',
  status: 'active',
  registered: false,
  firstParty: false,
  redirect_uris: ['https://books.example/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
  pkceRequired: true,
  profile: null,
  legacyAssertions: false,
  scopes: null,
  allowedOrigins: [],
  allowedIps: ['203.0.113.0/24'],
  rateLimitPerMinute: 600,
  mfa: 'inherit',
  minAcr: null,
  createdAt: '2026-01-01T12:00:00.000Z',
  updatedAt: '2026-01-01T12:00:00.000Z',
};
