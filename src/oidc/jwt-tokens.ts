import { createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose';
import type { AdapterPayload } from 'oidc-provider';
import type { SigningKey } from '../domain/keys/signing-key.ts';
import { LIMITS } from '../kernel/limits.ts';
import { publicJwks } from './jwks.ts';

/** Reads JWT access tokens of one issuer (RFC 9068); undefined for whatever is not a valid one of its own. */
export type JwtReader = (token: string, audience?: string) => Promise<JWTPayload | undefined>;

export function jwtReader(issuer: string, keys: readonly SigningKey[]): JwtReader {
  const keySet = createLocalJWKSet(publicJwks(keys) as never);
  return async (token, audience) => {
    if (token.length > LIMITS.accessTokenChars) return undefined;
    try {
      const { payload } = await jwtVerify(token, keySet, {
        issuer,
        typ: 'at+jwt',
        algorithms: ['RS256', 'ES256'],
        requiredClaims: ['exp', 'iat', 'sub', 'jti', 'aud', 'client_id'],
        ...(audience && { audience }),
      });
      return payload;
    } catch {
      return undefined;
    }
  };
}

/** A JWT access token in the shape in which the core keeps opaque ones, so that introspection judges both alike. */
export function asStoredToken(claims: JWTPayload): { id: string; model: string; payload: AdapterPayload } {
  const {
    iss: _iss,
    sub,
    aud,
    exp,
    iat,
    jti,
    scope,
    client_id: clientId,
    cnf,
    gid,
    sid,
    ses,
    authorization_details: _rar,
    ...extra
  } = claims;
  const model = gid === undefined ? 'ClientCredentials' : 'AccessToken';
  const bound = cnf as { jkt?: string; 'x5t#S256'?: string } | undefined;
  const payload = {
    kind: model,
    jti: `jwt~${jti}`,
    iat,
    exp,
    aud,
    extra,
    clientId: clientId as string,
    ...(scope !== undefined && { scope }),
    ...(bound?.jkt && { jkt: bound.jkt }),
    ...(bound?.['x5t#S256'] && { 'x5t#S256': bound['x5t#S256'] }),
    ...(model === 'AccessToken' && {
      accountId: sub,
      grantId: gid,
      sid,
      ...(ses !== undefined && { sessionUid: ses, expiresWithSession: true }),
    }),
  };
  return { id: `jwt~${jti}`, model, payload: payload as unknown as AdapterPayload };
}
