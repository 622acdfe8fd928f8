import { versionOf } from '../../kernel/version.ts';
import type { ClientMfa } from '../factors/factor.ts';
import { type ClientMetadata, fieldsOf, type ProtocolFields } from './client-metadata.ts';

/**
 * `web` runs on a server and keeps a secret; `spa` in a browser and `native` on a device cannot; `service` is a machine
 * that acts for itself; `partner` is one of somebody else.
 */
export type ClientKind = 'web' | 'spa' | 'native' | 'service' | 'partner';

/** An application registered to ask for tokens (RFC 6749 §1.1). */
export type Client = {
  clientId: string;
  kind: ClientKind;
  name: string;
  /** A disabled client is unknown to the core, and what it was given is gone. */
  status: 'active' | 'disabled';
  /** Its users see no consent page. */
  firstParty: boolean;
  /** Made by dynamic registration (RFC 7591). */
  registered: boolean;
  /** Under RFC 7591's names; never a secret, never `client_id` and `client_name`. */
  metadata: ClientMetadata;
  pkceRequired: boolean;
  profile: 'fapi2' | null;
  /** Takes the token endpoint as audience of a client assertion, which RFC 10070 forbids. */
  legacyAssertions: boolean;
  /** Scopes of the tenant's APIs that it may ask for; null: all. */
  apiScopes: readonly string[] | null;
  /** Origins whose scripts may call the core in its name (CORS). */
  allowedOrigins: readonly string[];
  /** Addresses and CIDRs from which it may authenticate; none: from anywhere. */
  allowedIps: readonly string[];
  rateLimitPerMinute: number | null;
  /** What it asks of second factors beside the tenant's policy, see `policyFor` of domain/factors. */
  mfa: ClientMfa;
  /** The weakest authentication context class that is good enough for it, on a remembered browser too; null: any. */
  minAcr: string | null;
  createdAt: Date;
  updatedAt: Date;
};

/** A client in the form in which it is stored. */
export type ClientValues = Omit<Client, 'createdAt' | 'updatedAt'>;

/** What may be said of a client beside its id; what is left out follows from the kind. */
export type ClientFields = ProtocolFields & {
  name?: string | undefined;
  status?: 'active' | 'disabled' | undefined;
  firstParty?: boolean | undefined;
  pkceRequired?: boolean | undefined;
  profile?: 'fapi2' | null | undefined;
  legacyAssertions?: boolean | undefined;
  scopes?: readonly string[] | null | undefined;
  allowedOrigins?: readonly string[] | undefined;
  allowedIps?: readonly string[] | undefined;
  rateLimitPerMinute?: number | null | undefined;
  mfa?: ClientMfa | undefined;
  minAcr?: string | null | undefined;
};

export type ClientDraft = ClientFields & { clientId: string; kind: ClientKind };
export type ClientChange = ClientFields & { kind?: ClientKind | undefined };

/** One of the secrets of a client, without the secret. */
export type ClientSecret = { id: string; createdAt: Date; expiresAt: Date | null };

/** What the audit trail tells of a client; nothing that it keeps secret is among its values. */
export const auditedClient = (client: ClientValues) => ({
  kind: client.kind,
  name: client.name,
  status: client.status,
  firstParty: client.firstParty,
  pkceRequired: client.pkceRequired,
  profile: client.profile,
  legacyAssertions: client.legacyAssertions,
  apiScopes: client.apiScopes,
  allowedOrigins: client.allowedOrigins,
  allowedIps: client.allowedIps,
  rateLimitPerMinute: client.rateLimitPerMinute,
  mfa: client.mfa,
  minAcr: client.minAcr,
  ...fieldsOf(client.metadata),
});

/** Whether the client proves itself by a shared secret; the core takes both ways for each such client. */
export const usesSecret = (metadata: ClientMetadata): boolean =>
  /^client_secret_/.test(String(metadata['token_endpoint_auth_method']));

/** Another one as soon as anything is said otherwise of the client. */
export const versionOfClient = ({ updatedAt: _, ...client }: Client): string => versionOf(client);
