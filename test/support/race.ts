import type { Knex } from 'knex';

/** Resolves when some statement of this database waits for a lock that another transaction holds. */
export async function untilSomebodyWaits(db: Knex): Promise<void> {
  for (;;) {
    const { rows } = await db.raw(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and pid <> pg_backend_pid()`,
    );
    if (rows.length > 0) return;
  }
}

/**
 * Lets `second` begin while `first` has done its work and not yet committed; `first` commits once `second` waits for it.
 * Gives what became of `second`.
 */
export async function whileUncommitted<T>(
  db: Knex,
  begin: (hold: () => Promise<void>) => Promise<unknown>,
  second: () => Promise<T>,
): Promise<PromiseSettledResult<T>> {
  let outcome: Promise<PromiseSettledResult<T>> | undefined;
  await begin(async () => {
    outcome = Promise.allSettled([second()]).then(([one]) => one!);
    await untilSomebodyWaits(db);
  });
  return outcome!;
}
