import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider';

/** Seconds: the furthest end of an assertion, and how far its birth may lie ahead of our clock. */
const LONGEST = 3_600;
const AHEAD = 10;

type Claims = { aud?: unknown; sub?: unknown; iss?: unknown; exp?: unknown; iat?: unknown; nbf?: unknown };

/**
 * What a client assertion must be beyond what the core checks: its one audience is the issuer (RFC 10070; a client with
 * an older library may be let off by `legacyAssertions`), it speaks for itself, and it is short-lived.
 */
export function assertAssertion(issuer: string) {
  return async (_ctx: KoaContextWithOIDC, claims: object, header: object, client: Client): Promise<void> => {
    const { aud, sub, iss, exp, iat, nbf } = claims as Claims;
    const refuse = (reason: string) => {
      throw new errors.InvalidClientAuth(reason);
    };
    const legacy = client['legacy_assertions'] === true && client['fapi_profile'] === undefined;
    if (!legacy && aud !== issuer) refuse('the audience must be the issuer alone');
    if (sub !== iss) refuse('subject and issuer must be the client');
    const { typ } = header as { typ?: unknown };
    if (typ !== undefined && typ !== 'client-authentication+jwt' && typ !== 'JWT') refuse('unexpected typ');
    const now = Math.floor(Date.now() / 1000);
    if (typeof exp !== 'number' || exp > now + LONGEST) refuse('lives too long');
    for (const instant of [iat, nbf]) {
      if (instant !== undefined && (typeof instant !== 'number' || instant > now + AHEAD))
        refuse('begins in the future');
    }
  };
}
