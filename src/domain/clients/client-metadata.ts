/** RFC 7591 §2 and its extensions, as the core reads them. */
export type ClientMetadata = Readonly<Record<string, unknown>>;

/** The same in our own spelling; null takes a value away, what is left out stays as it is. */
export type ProtocolFields = {
  redirectUris?: readonly string[] | undefined;
  postLogoutRedirectUris?: readonly string[] | undefined;
  grantTypes?: readonly string[] | undefined;
  responseTypes?: readonly string[] | undefined;
  tokenEndpointAuthMethod?: string | undefined;
  tokenEndpointAuthSigningAlg?: string | null | undefined;
  jwks?: { keys: readonly object[] } | null | undefined;
  jwksUri?: string | null | undefined;
  backchannelLogoutUri?: string | null | undefined;
  backchannelLogoutSessionRequired?: boolean | null | undefined;
  requirePushedAuthorizationRequests?: boolean | null | undefined;
  requireSignedRequestObject?: boolean | null | undefined;
  requestObjectSigningAlg?: string | null | undefined;
  dpopBoundAccessTokens?: boolean | null | undefined;
  tlsClientCertificateBoundAccessTokens?: boolean | null | undefined;
  idTokenSignedResponseAlg?: string | null | undefined;
  userinfoSignedResponseAlg?: string | null | undefined;
  introspectionSignedResponseAlg?: string | null | undefined;
  subjectType?: 'public' | 'pairwise' | null | undefined;
  sectorIdentifierUri?: string | null | undefined;
  defaultMaxAge?: number | null | undefined;
  requireAuthTime?: boolean | null | undefined;
  defaultAcrValues?: readonly string[] | null | undefined;
  initiateLoginUri?: string | null | undefined;
  clientUri?: string | null | undefined;
  logoUri?: string | null | undefined;
  policyUri?: string | null | undefined;
  tosUri?: string | null | undefined;
  contacts?: readonly string[] | null | undefined;
  /** APIs for whose tokens the client may ask the introspection endpoint (ours; not in RFC 7591). */
  resourceServers?: readonly string[] | null | undefined;
};

/** Every protocol field, in the order in which they are written to a file. */
export const METADATA_NAMES = {
  redirectUris: 'redirect_uris',
  postLogoutRedirectUris: 'post_logout_redirect_uris',
  grantTypes: 'grant_types',
  responseTypes: 'response_types',
  tokenEndpointAuthMethod: 'token_endpoint_auth_method',
  tokenEndpointAuthSigningAlg: 'token_endpoint_auth_signing_alg',
  jwks: 'jwks',
  jwksUri: 'jwks_uri',
  backchannelLogoutUri: 'backchannel_logout_uri',
  backchannelLogoutSessionRequired: 'backchannel_logout_session_required',
  requirePushedAuthorizationRequests: 'require_pushed_authorization_requests',
  requireSignedRequestObject: 'require_signed_request_object',
  requestObjectSigningAlg: 'request_object_signing_alg',
  dpopBoundAccessTokens: 'dpop_bound_access_tokens',
  tlsClientCertificateBoundAccessTokens: 'tls_client_certificate_bound_access_tokens',
  idTokenSignedResponseAlg: 'id_token_signed_response_alg',
  userinfoSignedResponseAlg: 'userinfo_signed_response_alg',
  introspectionSignedResponseAlg: 'introspection_signed_response_alg',
  subjectType: 'subject_type',
  sectorIdentifierUri: 'sector_identifier_uri',
  defaultMaxAge: 'default_max_age',
  requireAuthTime: 'require_auth_time',
  defaultAcrValues: 'default_acr_values',
  initiateLoginUri: 'initiate_login_uri',
  clientUri: 'client_uri',
  logoUri: 'logo_uri',
  policyUri: 'policy_uri',
  tosUri: 'tos_uri',
  contacts: 'contacts',
  resourceServers: 'resource_servers',
} as const satisfies Record<keyof ProtocolFields, string>;

export type MetadataName = (typeof METADATA_NAMES)[keyof ProtocolFields];

/** `metadata` with the given fields over it. */
export function withFields(metadata: ClientMetadata, fields: ProtocolFields): ClientMetadata {
  const changed = { ...metadata };
  for (const [field, name] of Object.entries(METADATA_NAMES)) {
    const value = fields[field as keyof ProtocolFields];
    if (value === undefined) continue;
    if (value === null) delete changed[name];
    else changed[name] = value;
  }
  return changed;
}

/** Fields that are spelled as RFC 7591 has them, in our own spelling. */
export function fieldsNamed(metadata: { readonly [Name in MetadataName]?: unknown }): ProtocolFields {
  return Object.fromEntries(
    Object.entries(METADATA_NAMES)
      .filter(([, name]) => metadata[name] !== undefined)
      .map(([field, name]) => [field, metadata[name]]),
  );
}

/** The fields of stored metadata in our own spelling, in their order; the inverse of `withFields`. */
export const fieldsOf = (metadata: ClientMetadata): ProtocolFields => fieldsNamed(metadata);
