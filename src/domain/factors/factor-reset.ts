import { inTransaction, isPerson, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import type { AccessService } from '../access/access-service.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { SessionService } from '../sessions/session-service.ts';
import * as backupCodes from './backup-code-store.ts';
import * as challenges from './challenge-store.ts';
import type { OwnKind } from './factor.ts';
import { createFactorNotices } from './factor-notices.ts';
import * as store from './factor-store.ts';
import * as devices from './remembered-device-store.ts';

export type FactorResetDeps = {
  access: Pick<AccessService, 'assertNothingGained'>;
  sessions: Pick<SessionService, 'endAll'>;
  audit: Pick<AuditService, 'record'>;
  letters: Pick<LetterService, 'toUser'>;
};

/** What an administrator does for somebody who has lost their second factors. */
export function createFactorReset({ access, sessions, audit, letters }: FactorResetDeps) {
  const notices = createFactorNotices({ audit, letters });

  return {
    /**
     * Takes all second factors of a user away, with backup codes, remembered browsers and open questions, ends every
     * session of theirs, and tells them by letter. The password stays: it alone opens the account then, until the policy
     * has a new factor enrolled. Nobody does it for themselves, past their own factor. A user without factors is left
     * alone.
     *
     * @returns the kinds that are gone
     * @throws Failure `user_not_found`; `forbidden` for oneself; `privilege_escalation` when the user may do what the actor
     *   may not
     */
    async reset(call: TenantCall, userId: UserId): Promise<OwnKind[]> {
      if (isPerson(call.actor, userId)) throw new Failure('forbidden', { userId });
      return inTransaction(call, async (tx) => {
        if (!(await store.lockPerson(tx, userId))) throw new Failure('user_not_found', { userId });
        await access.assertNothingGained(tx, userId);
        const kinds = await store.removeAll(tx, userId);
        if (kinds.length === 0) return [];
        await backupCodes.removeAll(tx, userId);
        await devices.forgetAll(tx, userId);
        await challenges.removeAll(tx, userId);
        await sessions.endAll(tx, userId, 'factors_reset');
        await notices.reset(tx, userId, kinds);
        return kinds;
      });
    },
  };
}

export type FactorReset = ReturnType<typeof createFactorReset>;
