import { z } from 'zod';
import type { METADATA_NAMES } from '../domain/clients/client-metadata.ts';
import { LIMITS } from '../kernel/limits.ts';
import { alg, roleNames, seconds, text, url } from './blueprint-fields.ts';

const uris = z.array(url).max(LIMITS.redirectUris);

const protocol = {
  redirectUris: uris,
  postLogoutRedirectUris: uris,
  grantTypes: z.array(text(128)).max(10),
  responseTypes: z.array(text(32)).max(5),
  tokenEndpointAuthMethod: z.enum([
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    'self_signed_tls_client_auth',
    'none',
  ]),
  tokenEndpointAuthSigningAlg: text(16),
  jwks: z.strictObject({ keys: z.array(z.looseObject({ kty: text(16) })).max(20) }),
  jwksUri: url,
  backchannelLogoutUri: url,
  backchannelLogoutSessionRequired: z.boolean(),
  requirePushedAuthorizationRequests: z.boolean(),
  requireSignedRequestObject: z.boolean(),
  requestObjectSigningAlg: text(16),
  dpopBoundAccessTokens: z.boolean(),
  tlsClientCertificateBoundAccessTokens: z.boolean(),
  idTokenSignedResponseAlg: alg,
  userinfoSignedResponseAlg: alg,
  introspectionSignedResponseAlg: alg,
  subjectType: z.enum(['public', 'pairwise']),
  sectorIdentifierUri: url,
  defaultMaxAge: seconds,
  requireAuthTime: z.boolean(),
  defaultAcrValues: z.array(text(128)).max(20),
  initiateLoginUri: url,
  clientUri: url,
  logoUri: url,
  policyUri: url,
  tosUri: url,
  contacts: z.array(text(254)).max(20),
  resourceServers: z
    .array(url)
    .max(50)
    .describe('APIs for whose tokens the client may ask the introspection endpoint.'),
} satisfies Record<keyof typeof METADATA_NAMES, z.ZodType>;

/** A client as a file of tenants says it. */
export const client = z.strictObject({
  clientId: text(128),
  kind: z.enum(['web', 'spa', 'native', 'service', 'partner']),
  clientSecret: z.string().min(LIMITS.clientSecretMinChars).max(LIMITS.clientSecretMaxChars).optional(),
  name: text(LIMITS.nameChars).optional(),
  status: z.enum(['active', 'disabled']).optional(),
  firstParty: z.boolean().optional().describe('Without a consent page.'),
  ...z.object(protocol).partial().shape,
  pkceRequired: z.boolean().optional(),
  profile: z.literal('fapi2').optional().describe('FAPI 2.0 security profile.'),
  legacyAssertions: z.boolean().optional().describe('Takes the token endpoint as audience of a client assertion.'),
  scopes: z
    .array(text(128))
    .max(LIMITS.apiScopes)
    .optional()
    .describe('Scopes of the APIs that it may ask for; all unless told.'),
  allowedOrigins: z.array(url).max(LIMITS.allowedOrigins).optional(),
  allowedIps: z.array(text(64)).max(LIMITS.allowedIps).optional(),
  rateLimitPerMinute: z.int().min(1).max(1_000_000).optional(),
  roles: roleNames.optional().describe('All roles of a client that acts for itself (client_credentials).'),
  mfa: z
    .enum(['off', 'inherit', 'required'])
    .optional()
    .describe('Second factors, beside the tenant’s policy: off makes nobody enrol one, required everybody.'),
  minAcr: text(128).optional().describe('The weakest authentication context class that is good enough for it.'),
});
