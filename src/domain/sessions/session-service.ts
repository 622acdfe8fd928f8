import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { Session, SessionEnd, SessionProof } from './session.ts';
import * as store from './session-store.ts';

/**
 * The sessions of a tenant's users: the same rows for browsers and JSON logins. Ending one ends its grants and with them
 * every token of it, and queues a logout for each relying party, in one transaction.
 */
export function createSessionService({ audit }: { audit: AuditService }) {
  async function end(call: TenantCall, which: store.Which, reason: SessionEnd, target?: UserId): Promise<number> {
    return inTransaction(call, async (tx) => {
      await store.queueLogouts(tx, which);
      const ended = await store.remove(tx, which);
      for (const uid of ended)
        await audit.record(tx, 'session.ended', {
          target: uid,
          details: { reason, ...(target && { userId: target }) },
        });
      return ended.length;
    });
  }

  return {
    /** A user's live sessions, the latest first. */
    list: (call: TenantCall, userId: UserId): Promise<Session[]> =>
      inTransaction(call, (tx) => store.listOf(tx, userId)),

    /** What was proven in a session; undefined for one that is gone. */
    proofOf: (call: TenantCall, uid: string): Promise<SessionProof | undefined> => store.findProof(call, uid),

    /**
     * Ends one session of a user.
     *
     * @throws Failure `session_not_found`; a second call meets it too
     */
    async end(call: TenantCall, userId: UserId, id: string, reason: SessionEnd = 'revoked'): Promise<void> {
      if ((await end(call, { userId, uid: id }, reason, userId)) === 0) throw new Failure('session_not_found', { id });
    },

    /** Ends a session by its uid, whoever it belongs to. One that is gone already is no failure. */
    async endByUid(call: TenantCall, uid: string, reason: SessionEnd): Promise<void> {
      await end(call, { uid }, reason);
    },

    /**
     * Signs a user out everywhere, or everywhere but in the session `except`. Offline access ends too, unless a session
     * is spared.
     *
     * @returns how many sessions ended
     */
    async endAll(
      call: TenantCall,
      userId: UserId,
      reason: SessionEnd = 'sign_out_everywhere',
      except?: string,
    ): Promise<number> {
      return inTransaction(call, async (tx) => {
        await store.refuseEarlierLogins(tx, userId);
        const count = await end(tx, { userId, ...(except !== undefined && { except }) }, reason, userId);
        if (except === undefined) await store.removeGrants(tx, userId);
        return count;
      });
    },

    /** Ends all that was issued to a client; the sessions stay. */
    revokeOfClient: (call: TenantCall, clientId: string): Promise<void> =>
      inTransaction(call, (tx) => store.removeGrantsOfClient(tx, clientId)),
  };
}

export type SessionService = ReturnType<typeof createSessionService>;
