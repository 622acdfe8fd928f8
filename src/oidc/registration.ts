import { type ClientMetadata, errors } from 'oidc-provider';
import { redirectUriProblem } from '../domain/clients/redirect-uri.ts';

export type RegistrationRules = {
  /** Throws for a URL that we would never call (egress). */
  assertUrl(url: string): void;
  /** Whether the tenant may have one more registered client. */
  hasRoom(): Promise<boolean>;
};

const GRANTS = new Set(['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code']);
const FETCHED = ['jwks_uri', 'sector_identifier_uri', 'backchannel_logout_uri'] as const;
const SHOWN = ['logo_uri', 'client_uri', 'policy_uri', 'tos_uri'] as const;

/**
 * What a client may make of itself by dynamic registration (RFC 7591): a redirect client of its own; no machine
 * credentials, no plain-text or script URIs, nothing that makes us call into a private network.
 */
export function registrationPolicies({ assertUrl, hasRoom }: RegistrationRules) {
  return async (ctx: { method: string }, metadata: ClientMetadata): Promise<void> => {
    const refuse = (reason: string) => {
      throw new errors.InvalidClientMetadata(reason);
    };
    if (ctx.method === 'POST' && !(await hasRoom())) refuse('the tenant has as many registered clients as it may have');
    if (metadata['software_statement'] !== undefined) refuse('software statements are not supported');
    for (const grant of metadata.grant_types ?? [])
      if (!GRANTS.has(grant)) refuse(`grant type ${grant} is not for registered clients`);
    for (const name of FETCHED) {
      const url = metadata[name];
      if (url === undefined) continue;
      try {
        assertUrl(String(url));
      } catch {
        refuse(`${name} cannot be called`);
      }
    }
    for (const name of SHOWN)
      if (metadata[name] !== undefined && !/^https:\/\//.test(String(metadata[name]))) refuse(`${name} must be https`);
    const native = metadata.application_type === 'native';
    for (const name of ['redirect_uris', 'post_logout_redirect_uris'] as const)
      for (const uri of (metadata[name] as unknown[] | undefined) ?? []) {
        const problem = redirectUriProblem(String(uri), { native });
        if (problem) refuse(`${name}: one ${problem}`);
      }
  };
}
