import { batchesOf } from '../../kernel/batches.ts';
import type { OperatorCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { recogniseHash } from './foreign-hash.ts';
import type { StoredHash } from './hash.ts';
import * as store from './password-transfer-store.ts';

export type OwnedHash = store.OwnedHash;

/** Password hashes on their way into a house and out of it, many at a time. Only tenants as code uses it. */
export function createPasswordTransfer() {
  return {
    /**
     * A hash as it stands in a file: another system's, or one of ours with its pepper's name and normal form.
     *
     * @throws Failure `invalid_input` for a format or for parameters that this house does not execute
     */
    checkedHash({ hash, pepperId, normalForm }: StoredHash): StoredHash {
      if (!recogniseHash(hash))
        throw new Failure('invalid_input', { field: 'passwordHash', problem: 'is in no known format' });
      if (pepperId !== null && !/^[0-9a-f]{16}$/.test(pepperId))
        throw new Failure('invalid_input', { field: 'passwordHash.pepper' });
      return { hash, pepperId, normalForm };
    },

    /** The hashes of those of the users who have a password, in the caller's transaction. */
    async hashesOf(tx: OperatorCall, users: readonly { tenantId: TenantId; userId: UserId }[]): Promise<OwnedHash[]> {
      const found: OwnedHash[] = [];
      for (const batch of batchesOf(users, LIMITS.batchRows)) found.push(...(await store.listOf(tx, batch)));
      return found;
    },

    /** Gives hashes to users who have no password, in the caller's transaction; a password that is there stays. */
    async addAll(tx: OperatorCall, hashes: readonly OwnedHash[]): Promise<void> {
      for (const batch of batchesOf(hashes, LIMITS.batchRows)) await store.insert(tx, batch);
    },
  };
}

export type PasswordTransfer = ReturnType<typeof createPasswordTransfer>;
