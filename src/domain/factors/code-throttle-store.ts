import type { Knex } from 'knex';

/** Takes one back from each of `keys`. A counter that has run out meanwhile stays as it is. */
export async function giveBack(counters: Knex, keys: readonly string[]): Promise<void> {
  await counters.raw('update rate_limits set points = points - 1 where key = any(?::text[]) and points > 0', [
    [...keys],
  ]);
}
