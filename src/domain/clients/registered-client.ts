import { LIMITS } from '../../kernel/limits.ts';
import { plainName } from '../../kernel/text.ts';
import type { ClientValues } from './client.ts';
import { type ClientMetadata, fieldsOf, withFields } from './client-metadata.ts';
import { kindOfRegistered } from './client-rules.ts';

/** What is kept of a registration beside the fields of a client that a tenant makes. */
const REGISTERED_TOO = ['application_type', 'scope', 'response_modes'];

/** The core keeps RFC 7591 metadata and carries ours along; all that is ours is at its strictest. */
export function registeredValues(clientId: string, name: unknown, metadata: ClientMetadata): ClientValues {
  const { resourceServers: _, ...fields } = fieldsOf(metadata);
  const more = REGISTERED_TOO.filter((key) => metadata[key] !== undefined).map((key) => [key, metadata[key]]);
  const redirectUris = Array.isArray(metadata['redirect_uris']) ? (metadata['redirect_uris'] as string[]) : [];
  const kind = kindOfRegistered(metadata);
  return {
    clientId,
    kind,
    name: plainName(String(name ?? clientId), LIMITS.nameChars) ?? clientId,
    status: 'active',
    firstParty: false,
    registered: true,
    metadata: withFields(Object.fromEntries(more), fields),
    pkceRequired: true,
    profile: null,
    legacyAssertions: false,
    apiScopes: null,
    allowedOrigins:
      kind === 'spa'
        ? [
            ...new Set(
              redirectUris.flatMap((uri) => URL.parse(uri)?.origin ?? []).filter((origin) => origin !== 'null'),
            ),
          ]
        : [],
    allowedIps: [],
    rateLimitPerMinute: null,
    mfa: 'inherit',
    minAcr: null,
  };
}
