import type { SessionId, UserId } from '../../kernel/ids.ts';

/** A browser or application that is signed in. */
export type Session = {
  id: SessionId;
  userId: UserId;
  createdAt: Date;
  lastSeenAt: Date;
  expiresAt: Date;
  ip: string | undefined;
  userAgent: string | undefined;
  /** Authentication methods it began with (RFC 8176). */
  amr: readonly string[];
  /** Clients that were given tokens in it. */
  clients: readonly string[];
};

/** What was proven when a session began, or since. */
export type SessionProof = {
  userId: UserId;
  /** When the person last signed in; to the second. */
  authTime: Date;
  /** Authentication methods (RFC 8176). */
  amr: readonly string[];
  /** Whether the browser forgets it when it is closed. */
  transient: boolean;
};

/** Why a session ended; stands in the audit trail. What ends by the database alone says `user_removed` or `removed`. */
export type SessionEnd =
  | 'sign_out'
  | 'sign_out_everywhere'
  | 'revoked'
  | 'user_suspended'
  | 'user_deactivated'
  | 'erased'
  | 'password_changed'
  | 'factors_reset'
  | 'email_changed'
  | 'refresh_replay'
  | 'account_switched'
  | 'session_limit'
  | 'expired'
  | 'tenant_suspended'
  | 'tenant_deleted';
