import type { OperatorCall } from '../../kernel/call.ts';

/** Any number, the same on every node: the advisory lock under which one file is applied at a time. */
const APPLY_LOCK = 4_172_101;

/**
 * Waits until no other file is being applied, and lets this transaction take its time: a file may hold ten thousand
 * tenants. All of it ends with the transaction.
 */
export async function waitForTurn({ db }: OperatorCall): Promise<void> {
  await db.raw(
    `set local lock_timeout = '120s'; set local statement_timeout = '120s'; set local idle_in_transaction_session_timeout = '600s'`,
  );
  await db.raw('select pg_advisory_xact_lock(?)', [APPLY_LOCK]);
}
