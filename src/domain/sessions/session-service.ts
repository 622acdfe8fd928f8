import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { Session, SessionEnd, SessionProof } from './session.ts';
import * as store from './session-store.ts';

/**
 * The sessions of a tenant's users: the same rows for browsers and JSON logins. Ending one ends its grants and with them
 * every token of it, owes a logout to each relying party and writes `session.ended`, in one transaction.
 */
export function createSessionService({ audit }: { audit: Pick<AuditService, 'authorOf'> }) {
  async function end(call: TenantCall, which: store.Which, reason: SessionEnd): Promise<number> {
    return inTransaction(call, async (tx) => (await store.end(tx, which, { reason, ...audit.authorOf(tx) })).length);
  }

  return {
    /** A user's live sessions, the latest first. */
    list: (call: TenantCall, userId: UserId): Promise<Session[]> =>
      inTransaction(call, (tx) => store.listOf(tx, userId)),

    /**
     * A page of the tenant's live sessions, the newest first. `total` counts to `LIMITS.countedRows` and no further.
     *
     * @throws Failure `invalid_input`
     */
    async listAll(
      call: TenantCall,
      { userId, ...query }: PageQuery & { userId?: UserId | undefined } = {},
    ): Promise<Page<Session>> {
      const { page, offset, limit } = pageWindow(query);
      const which = { userId, offset, limit, most: LIMITS.countedRows };
      return { ...(await inTransaction(call, (tx) => store.list(tx, which))), page, pageSize: limit };
    },

    /** What was proven in a session; undefined for one that is gone. */
    proofOf: (call: TenantCall, uid: string): Promise<SessionProof | undefined> => store.findProof(call, uid),

    /**
     * Ends one session of a user.
     *
     * @throws Failure `session_not_found`; a second call meets it too
     */
    async end(call: TenantCall, userId: UserId, id: string, reason: SessionEnd = 'revoked'): Promise<void> {
      if ((await end(call, { userId, uid: id }, reason)) === 0) throw new Failure('session_not_found', { id });
    },

    /** Ends a session by its uid, whoever it belongs to. One that is gone already is no failure. @returns whether it was there */
    endByUid: async (call: TenantCall, uid: string, reason: SessionEnd): Promise<boolean> =>
      (await end(call, { uid }, reason)) > 0,

    /**
     * Signs a user out everywhere, or everywhere but in the session `except`. Offline access ends too, unless a session
     * is spared.
     *
     * @param since logins that were proven before it, and are still on their way, lead to no session; now unless told
     * @returns how many sessions ended
     */
    async endAll(
      call: TenantCall,
      userId: UserId,
      reason: SessionEnd = 'sign_out_everywhere',
      except?: string,
      since: Date = call.now,
    ): Promise<number> {
      return inTransaction(call, async (tx) => {
        await store.refuseEarlierLogins(tx, userId, since);
        const count = await end(tx, { userId, ...(except !== undefined && { except }) }, reason);
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
