import { fileURLToPath } from 'node:url';
import type { Knex } from 'knex';

/** Any number, the same on every node: the advisory lock under which one of them migrates. */
const MIGRATION_LOCK = 4_172_001;

/**
 * Brings the schema up to date. Two nodes may start at once: one migrates, the other waits for it and finds nothing left
 * to do. Each migration is a transaction; a killed one leaves nothing behind and is run again.
 *
 * @returns the names of the migrations that were run
 */
export async function migrate(db: Knex): Promise<string[]> {
  return db.transaction(async (lock) => {
    await lock.raw(`set local lock_timeout = '60s'; set local statement_timeout = '60s'; set local idle_in_transaction_session_timeout = 0`);
    await lock.raw('select pg_advisory_xact_lock(?)', [MIGRATION_LOCK]);
    const [, names] = (await db.migrate.latest({
      directory: fileURLToPath(new URL('../../migrations', import.meta.url)),
      loadExtensions: ['.ts'],
      // The advisory lock above does it, and unlike a row in a table it ends with the process that held it.
      disableMigrationsListValidation: false,
    })) as [number, string[]];
    return names;
  });
}

/** Row-level security only binds a role that is neither superuser nor exempt from it. */
export async function isExemptFromRowSecurity(db: Knex): Promise<boolean> {
  const { rows } = await db.raw('select rolsuper or rolbypassrls as exempt from pg_roles where rolname = current_user');
  return rows[0].exempt === true;
}
