import type { TenantCall } from '../../kernel/call.ts';
import type { FactorId, UserId } from '../../kernel/ids.ts';
import type { AuditService } from '../audit/audit-service.ts';
import { deedOf } from '../mail/letter.ts';
import type { LetterService } from '../mail/letter-service.ts';
import type { OwnKind } from './factor.ts';

export type FactorNoticeDeps = {
  audit: Pick<AuditService, 'record'>;
  letters: Pick<LetterService, 'toUser'>;
};

/**
 * What is noted when somebody's factors change: a line in the audit trail and a letter to them, in the transaction of the
 * change. Whoever gets at an account begins with its factors, and its owner hears of it.
 */
export function createFactorNotices({ audit, letters }: FactorNoticeDeps) {
  const target = (userId: UserId) => ({ target: `user:${userId}` });

  return {
    async added(
      tx: TenantCall,
      userId: UserId,
      { factorId, kind }: { factorId: FactorId; kind: OwnKind },
    ): Promise<void> {
      await audit.record(tx, 'factor.enrolled', { ...target(userId), details: { factorId, kind } });
      await letters.toUser(tx, userId, 'factor-added', { ...deedOf(tx), factor: kind });
    },

    async removed(
      tx: TenantCall,
      userId: UserId,
      { factorId, kind }: { factorId: FactorId; kind: OwnKind },
    ): Promise<void> {
      await audit.record(tx, 'factor.removed', { ...target(userId), details: { factorId, kind } });
      await letters.toUser(tx, userId, 'factor-removed', { ...deedOf(tx), factor: kind });
    },

    /** An administrator took all of them away. */
    async reset(tx: TenantCall, userId: UserId, kinds: readonly OwnKind[]): Promise<void> {
      await audit.record(tx, 'factors.reset', { ...target(userId), details: { kinds: [...kinds] } });
      await letters.toUser(tx, userId, 'factors-reset', { at: tx.now.toISOString() });
    },

    async backupCodeUsed(tx: TenantCall, userId: UserId, left: number): Promise<void> {
      await audit.record(tx, 'backup_codes.used', { ...target(userId), details: { left } });
      await letters.toUser(tx, userId, 'backup-code-used', { ...deedOf(tx), left });
    },

    async backupCodesRenewed(tx: TenantCall, userId: UserId): Promise<void> {
      await audit.record(tx, 'backup_codes.issued', target(userId));
      await letters.toUser(tx, userId, 'backup-codes-renewed', deedOf(tx));
    },
  };
}

export type FactorNotices = ReturnType<typeof createFactorNotices>;
