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

/** Why a session ended; stands in the audit trail. */
export type SessionEnd =
  | 'sign_out'
  | 'sign_out_everywhere'
  | 'revoked'
  | 'user_suspended'
  | 'user_deactivated'
  | 'password_changed'
  | 'refresh_replay'
  | 'account_switched';
