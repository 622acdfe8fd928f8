import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { GrantedClient } from './grant.ts';
import * as store from './grant-store.ts';

/** What users allowed applications. A grant is the root of all that was issued under it. */
export function createGrantService({ audit }: { audit: Pick<AuditService, 'record'> }) {
  return {
    /** The applications that a user has allowed something, by application, the latest first. */
    list: (call: TenantCall, userId: UserId): Promise<GrantedClient[]> =>
      inTransaction(call, (tx) => store.listOf(tx, userId, LIMITS.grantedClients)),

    /**
     * Ends all that a user allowed an application, offline access too: codes and tokens are worth nothing from now on,
     * and the application is told where it wants to hear of logouts. The user's sessions go on without it.
     *
     * @throws Failure `grant_not_found` where there is nothing to end; a second call meets it too
     */
    async revoke(call: TenantCall, userId: UserId, clientId: string): Promise<void> {
      await inTransaction(call, async (tx) => {
        await store.leaveSessions(tx, userId, clientId);
        const grants = await store.remove(tx, userId, clientId);
        if (grants === 0) throw new Failure('grant_not_found', { clientId });
        await audit.record(tx, 'grant.revoked', { target: `client:${clientId}`, details: { userId, grants } });
      });
    },
  };
}

export type GrantService = ReturnType<typeof createGrantService>;
