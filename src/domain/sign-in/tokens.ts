import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';

/** A person whose proofs were checked by the sign-in state machine, and how. */
export type Vouched = {
  userId: UserId;
  /** Authentication methods (RFC 8176): `pwd`, `otp`, `hwk`, `mfa`, … */
  amr: readonly string[];
  /** Authentication context class. */
  acr: string;
  authTime: Date;
};

/** What a JSON login answers with. Times are seconds from now. */
export type TokenSet = {
  accessToken: string;
  accessExpiresIn: number;
  refreshToken: string;
  refreshExpiresIn: number;
  userId: UserId;
  /** The user's address. */
  email: string;
  tenantId: TenantId;
  sessionUid: string;
};

/** Whose access token it is: a user's, of a session, or a client's own. */
export type Bearer = ({ userId: UserId; sessionUid: string } | { clientId: string }) & {
  tenantId: TenantId;
  roles: readonly string[];
  /** Those of the tenant's own roles; what a system role allows stands in domain/access. */
  permissions: readonly string[];
};

/** What sign-in needs of the OIDC core, which provides it (oidc/tokens.ts): tokens that introspection and revocation know. */
export type Tokens = {
  /** Begins a session for a person and issues its first tokens. */
  issue(call: TenantCall, vouched: Vouched): Promise<TokenSet>;
  /**
   * Gives the successor of a refresh token. Inside the grace a repetition from the same device gets the same one.
   *
   * @throws Failure `refresh_invalid`; `refresh_replay`, after which the family and its session are gone
   */
  refresh(call: OperatorCall, refreshToken: string): Promise<TokenSet>;
  /**
   * Reads an access token for our own API: signature, issuer, audience, times, and that its session, user and tenant, or
   * its client, are alive at this moment. One that is bound to a key is none: here nobody shows the key.
   *
   * @throws Failure `unauthenticated`
   */
  verify(call: OperatorCall, accessToken: string): Promise<Bearer>;
};
