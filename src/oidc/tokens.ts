import { decodeJwt, type JWTPayload } from 'jose';
import { errors } from 'oidc-provider';
import type { Bearer, TokenSet, Tokens, Vouched } from '../domain/sign-in/tokens.ts';
import type { OperatorCall, TenantCall } from '../kernel/call.ts';
import { Failure } from '../kernel/failure.ts';
import type { TenantId, UserId } from '../kernel/ids.ts';
import { LIMITS } from '../kernel/limits.ts';
import { sha256 } from '../kernel/secret.ts';
import { FIRST_PARTY_CLIENT, FIRST_PARTY_GRANT } from './client-source.ts';
import { inProcess } from './in-process.ts';
import { type Issuer, type Issuers, mounted } from './issuers.ts';
import { findLiveClient } from './live-client-store.ts';
import { findLive } from './live-session-store.ts';
import { tenantOfRefreshValue } from './refresh-value.ts';
import { currentScope, inRequestScope, type RequestScope } from './request-scope.ts';
import { ownApi } from './resources.ts';

type TokenResponse = { access_token: string; refresh_token: string; expires_in: number; session_uid?: string };
/** The answer of the token endpoint, how long its refresh token lives, and the user's address. */
type Issued = TokenResponse & { refreshSeconds: number; email: string };

/** The tokens of JSON logins: minted, turned and judged by the core, through its own token endpoint, in this process. */
export function createTokens({ issuers }: { issuers: Issuers }): Tokens {
  async function ask(call: OperatorCall, issuer: Issuer, form: Record<string, string>, state: object = {}) {
    const { origin } = call;
    const start = {
      db: call.db,
      tenantId: issuer.tenant.id,
      ip: origin?.ip ?? '',
      userAgent: origin?.userAgent ?? '',
      ...(origin && { requestId: origin.requestId }),
      device: sha256(origin?.userAgent ?? ''),
    };
    let scope: RequestScope | undefined;
    try {
      const answer = await inRequestScope(
        start,
        () => {
          scope = currentScope();
          const request = {
            method: 'POST',
            path: '/oauth/token',
            form: { client_id: FIRST_PARTY_CLIENT, ...form },
            state: { ...state },
          } as const;
          return inProcess(issuer.provider, mounted(issuer.run, issuer.mount), request);
        },
        ({ status }) => status < 500,
      );
      if (answer.status >= 500) throw new Error('the core could not answer a token request of ours');
      return {
        tokens:
          answer.status === 200
            ? {
                ...(answer.body as TokenResponse),
                refreshSeconds: scope?.refreshSeconds ?? 0,
                email: scope?.email ?? '',
              }
            : undefined,
        replayed: scope?.refreshReplay === true,
      };
    } catch (error) {
      if (error instanceof errors.OIDCProviderError)
        return { tokens: undefined, replayed: scope?.refreshReplay === true };
      throw error;
    }
  }

  const dress = (issuer: Issuer, tokens: Issued): TokenSet => {
    const { sub, ses } = decodeJwt(tokens.access_token);
    return {
      accessToken: tokens.access_token,
      accessExpiresIn: tokens.expires_in,
      refreshToken: tokens.refresh_token,
      refreshExpiresIn: tokens.refreshSeconds,
      userId: sub as UserId,
      email: tokens.email,
      tenantId: issuer.tenant.id,
      sessionUid: ses as string,
    };
  };

  return {
    async issue(call: TenantCall, vouched: Vouched) {
      const issuer = await issuers.byTenant(call.tenantId);
      if (!issuer) throw new Failure('invalid_credentials');
      const { tokens } = await ask(call, issuer, { grant_type: FIRST_PARTY_GRANT }, { vouched });
      // The user was suspended between the check of the password and this moment.
      if (!tokens) throw new Failure('invalid_credentials');
      return dress(issuer, tokens);
    },

    async refresh(call: OperatorCall, refreshToken: string) {
      const tenantId = tenantOfRefreshValue(refreshToken);
      const issuer = tenantId && (await issuers.byTenant(tenantId));
      if (!issuer) throw new Failure('refresh_invalid');
      const { tokens, replayed } = await ask(call, issuer, {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
      });
      if (tokens) return dress(issuer, tokens);
      throw new Failure(replayed ? 'refresh_replay' : 'refresh_invalid', { tenantId });
    },

    async verify(call: OperatorCall, accessToken: string) {
      const issuer = await issuerOf(issuers, accessToken);
      const claims = issuer && (await issuer.readJwt(accessToken, ownApi(issuer.url)));
      if (!claims || claims['tid'] !== issuer.tenant.id || claims['cnf'] !== undefined)
        throw new Failure('unauthenticated');
      const tenantId = issuer.tenant.id as TenantId;
      if (isOfMachine(claims)) return machine(call, tenantId, claims.sub!);
      if (typeof claims['ses'] !== 'string') throw new Failure('unauthenticated');
      const about = { tenantId, sessionUid: claims['ses'], userId: claims.sub as UserId };
      const alive = await findLive(call, { ...about, lifetimes: issuer.tenant.settings.sessions });
      if (!alive) throw new Failure('unauthenticated');
      return { tenantId, userId: claims.sub as UserId, sessionUid: claims['ses'], ...alive };
    },
  };
}

/** A token that a client got by its own credentials: no grant and no session stands behind it, and it is its subject. */
const isOfMachine = ({ gid, ses, sub, client_id: clientId }: JWTPayload): boolean =>
  gid === undefined && ses === undefined && sub === clientId;

async function machine(call: OperatorCall, tenantId: TenantId, clientId: string): Promise<Bearer> {
  const alive = await findLiveClient(call, tenantId, clientId);
  if (!alive) throw new Failure('unauthenticated');
  return { tenantId, clientId, ...alive };
}

/** The issuer an access token names. It is not verified yet: this only finds the keys to verify it with. */
async function issuerOf(issuers: Issuers, accessToken: string): Promise<Issuer | undefined> {
  if (accessToken.length > LIMITS.accessTokenChars) return undefined;
  let iss: unknown;
  try {
    ({ iss } = decodeJwt(accessToken));
  } catch {
    return undefined;
  }
  return typeof iss === 'string' ? issuers.byUrl(iss) : undefined;
}
