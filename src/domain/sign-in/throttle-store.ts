import type { Knex } from 'knex';

/**
 * Takes back one attempt from each of `keys` and forgets `forget`, in one statement over the counters' own connection.
 * A counter that has run out meanwhile stays as it is: nobody gets attempts in advance.
 */
export async function giveBack(counters: Knex, keys: readonly string[], forget: readonly string[] = []): Promise<void> {
  await counters.raw(
    `with forgotten as (delete from rate_limits where key = any(?::text[]))
     update rate_limits set points = points - 1 where key = any(?::text[]) and points > 0`,
    [[...forget], [...keys]],
  );
}
