import type { AdapterPayload } from 'oidc-provider';

/** Pages of ours on which people are signed in: a client (RFC 6749 §1.1) of the very issuer below which they stand. */
export type HousePages = { readonly clientId: string; readonly path: `/${string}` };

/** Where people see and change what is theirs (src/account). */
export const ACCOUNT_PAGES: HousePages = { clientId: 'gatehouse-account', path: '/account' };

const EVERY = [ACCOUNT_PAGES];

/** Where the authorization endpoint sends the browser back to. */
export const callbackOf = ({ path }: HousePages, issuer: string): string => `${issuer}${path}/callback`;

/** Where the logout endpoint sends the browser to. */
export const signedOutOf = ({ path }: HousePages, issuer: string): string => `${issuer}${path}/signed-out`;

export const isHousePages = (clientId: unknown): boolean => EVERY.some((pages) => pages.clientId === clientId);

/**
 * The clients of our pages at one issuer. They are in no table: each issuer has them, and nobody can change them. The
 * same objects each time, by which the core knows a client again.
 */
export function housePagesAt(issuer: string): ReadonlyMap<string, AdapterPayload> {
  return new Map(EVERY.map((pages) => [pages.clientId, metadataOf(pages, issuer)]));
}

const metadataOf = (pages: HousePages, issuer: string): AdapterPayload => ({
  client_id: pages.clientId,
  client_name: 'Gatehouse',
  client_kind: 'web',
  first_party: true,
  pkce_required: true,
  redirect_uris: [callbackOf(pages, issuer)],
  post_logout_redirect_uris: [signedOutOf(pages, issuer)],
  response_types: ['code'],
  grant_types: ['authorization_code'],
  token_endpoint_auth_method: 'none',
});
