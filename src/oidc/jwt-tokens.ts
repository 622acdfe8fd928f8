import { createLocalJWKSet, type JWTPayload, jwtVerify, type ProtectedHeaderParameters } from 'jose';
import type { AdapterPayload } from 'oidc-provider';
import type { SigningKey } from '../domain/keys/signing-key.ts';
import { parseStrictJson } from '../http/strict-json.ts';
import type { TenantId } from '../kernel/ids.ts';
import { LIMITS } from '../kernel/limits.ts';
import { publicJwks } from './jwks.ts';

/** Reads JWT access tokens of one issuer (RFC 9068); undefined for whatever is not a valid one of its own. */
export type JwtReader = (token: string, audience?: string) => Promise<JWTPayload | undefined>;

/**
 * Verifies a token against the issuer's own keys, and takes nothing that the core would not have written: no other
 * header member, one audience, whole seconds, each name once. A token that differs was made by somebody who has a key.
 */
export function jwtReader(issuer: string, tenantId: TenantId, keys: readonly SigningKey[]): JwtReader {
  const keySet = createLocalJWKSet(publicJwks(keys) as never);
  return async (token, audience) => {
    if (token.length > LIMITS.accessTokenChars) return undefined;
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keySet, {
        issuer,
        typ: 'at+jwt',
        algorithms: ['RS256', 'ES256'],
        requiredClaims: ['exp', 'iat', 'sub', 'jti', 'aud', 'client_id', 'tid'],
        ...(audience && { audience }),
      });
      const isOurs = isPlainHeader(protectedHeader) && isPlainPayload(payload) && payload['tid'] === tenantId;
      if (!isOurs) return undefined;
      parseStrictJson(Buffer.from(token.split('.')[1]!, 'base64url').toString());
      return payload;
    } catch {
      return undefined;
    }
  };
}

const HEADER_MEMBERS = new Set(['alg', 'typ', 'kid']);

const isPlainHeader = (header: ProtectedHeaderParameters): boolean =>
  Object.keys(header).every((name) => HEADER_MEMBERS.has(name)) && typeof header.kid === 'string';

function isPlainPayload({ aud, exp, iat, nbf, sub, jti, client_id: clientId }: JWTPayload): boolean {
  if (![aud, sub, jti, clientId].every((value) => typeof value === 'string')) return false;
  if (!Number.isSafeInteger(exp) || !Number.isSafeInteger(iat) || nbf !== undefined) return false;
  const [end, begin] = [exp as number, iat as number];
  const now = Date.now() / 1000;
  return begin <= now + LIMITS.clockSkewSeconds && end > begin && end - begin <= LIMITS.jwtLifeSeconds;
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
