import { fileURLToPath } from 'node:url';
import type { Knex } from 'knex';

/** Any number, the same on every node: the advisory lock under which one of them migrates. */
const MIGRATION_LOCK = 4_172_001;

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));

/**
 * Brings the schema up to date. Two nodes may start at once: one migrates, the other waits for it (10 minutes at most)
 * and finds nothing left to do. All that is missing is run in one transaction, so a migration that fails or is killed
 * leaves nothing behind. They may take their time, but wait for no table's lock longer than 10 s: requests queue up
 * behind one that waits.
 *
 * @returns the names of the migrations that were run
 */
export async function migrate(db: Knex, directory = MIGRATIONS): Promise<string[]> {
  return db.transaction(async (tx) => {
    await tx.raw(
      `set local lock_timeout = '10min'; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0`,
    );
    await tx.raw('select pg_advisory_xact_lock(?)', [MIGRATION_LOCK]);
    await tx.raw(`set local lock_timeout = '10s'`);
    const [, names] = (await tx.migrate.latest({ directory, loadExtensions: ['.ts'] })) as [number, string[]];
    return names;
  });
}

/** Row-level security only binds a role that is neither superuser nor exempt from it. */
export async function isExemptFromRowSecurity(db: Knex): Promise<boolean> {
  const { rows } = await db.raw('select rolsuper or rolbypassrls as exempt from pg_roles where rolname = current_user');
  return rows[0].exempt === true;
}
