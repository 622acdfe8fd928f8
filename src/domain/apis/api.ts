import { Failure } from '../../kernel/failure.ts';
import type { ApiId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { plainName } from '../../kernel/text.ts';

/** An API that access tokens are made for; RFC 8707 calls it a resource. */
export type Api = {
  id: ApiId;
  /** What clients name in `resource` and the API finds in `aud`; compared character by character. */
  identifier: string;
  name: string;
  scopes: readonly string[];
  accessTokenFormat: 'jwt' | 'opaque';
  signingAlg: 'RS256' | 'ES256';
  accessTokenSeconds: number;
  createdAt: Date;
  updatedAt: Date;
};

export type ApiDraft = {
  identifier: string;
  name?: string | undefined;
  scopes?: readonly string[] | undefined;
  accessTokenFormat?: 'jwt' | 'opaque' | undefined;
  signingAlg?: 'RS256' | 'ES256' | undefined;
  accessTokenSeconds?: number | undefined;
};
export type ApiChange = Omit<ApiDraft, 'identifier'>;
/** An API in the form in which it is stored. */
export type ApiValues = Omit<Api, 'id' | 'createdAt' | 'updatedAt'>;

/** Scopes that mean something about the user (OIDC Core §5.4, §11); an API's scope of that name could not be told apart. */
const OIDC_SCOPES = new Set(['openid', 'offline_access', 'profile', 'email', 'address', 'phone']);

const invalid = (field: string, problem: string): never => {
  throw new Failure('invalid_input', { field, problem });
};

/** Whether a text is one scope token (RFC 6749 §3.3): printable ASCII without space, quote and backslash. */
export const isScopeToken = (text: string): boolean => text.length <= 128 && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text);

/** @throws Failure `invalid_input` */
export function checkedApi(draft: ApiDraft): ApiValues {
  const { accessTokenFormat = 'jwt', signingAlg = 'RS256', accessTokenSeconds = 900 } = draft;
  if (!Number.isInteger(accessTokenSeconds) || accessTokenSeconds < 60 || accessTokenSeconds > 86_400) {
    return invalid('accessTokenSeconds', 'must be 60 to 86400');
  }
  const identifier = checkedIdentifier(draft.identifier);
  const name = draft.name ?? [...identifier].slice(0, LIMITS.nameChars).join('');
  return {
    identifier,
    name: plainName(name, LIMITS.nameChars) ?? invalid('name', 'must be plain text'),
    scopes: checkedScopes(draft.scopes ?? []),
    accessTokenFormat,
    signingAlg,
    accessTokenSeconds,
  };
}

/** An absolute URI without a fragment (RFC 8707 §2). */
function checkedIdentifier(raw: string): string {
  const wellFormed =
    raw.length <= LIMITS.redirectUriChars &&
    /^[a-z][a-z0-9+.-]*:[\x21\x23-\x5b\x5d-\x7e]+$/i.test(raw) &&
    !raw.includes('#');
  const url = wellFormed ? URL.parse(raw) : null;
  if (url?.username !== '' || url.password !== '')
    return invalid('identifier', 'must be an absolute URI without a fragment (RFC 8707 §2)');
  if (/^(javascript|data|vbscript|blob|about|file):$/.test(url.protocol))
    return invalid('identifier', `must not be a ${url.protocol} URI`);
  return raw;
}

/** Each once, in the given order. */
function checkedScopes(scopes: readonly string[]): string[] {
  if (scopes.length > LIMITS.apiScopes) return invalid('scopes', `are more than ${LIMITS.apiScopes}`);
  for (const scope of scopes) {
    if (!isScopeToken(scope)) return invalid('scopes', 'must be scope tokens (RFC 6749 §3.3)');
    if (OIDC_SCOPES.has(scope)) return invalid('scopes', `${scope} is a scope of OpenID Connect`);
  }
  return [...new Set(scopes)];
}
