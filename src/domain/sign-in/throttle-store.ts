import type { Knex } from 'knex';
import { prepared } from '../../database/pool.ts';

/** A counter: its key, how many it lets through, and its window in seconds. */
export type Counter = { key: string; most: number; seconds: number };

export type Counters = {
  /** Of the address, over all accounts. */
  address?: Counter | undefined;
  /** Of the account from one network, or on one known browser; too many shut it for `shutSeconds`. */
  place?: (Counter & { shutSeconds: number }) | undefined;
  /** Of the account from all networks, and the gate that lets one through at a time once these are too many. */
  account?: (Counter & { gate: string }) | undefined;
};

type Over = 'address' | 'place' | 'account' | null;

const COUNT = {
  name: 'sign-in-count',
  text: 'select over, left_ms::float8, begins from count_attempt($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
};
const GIVE_BACK = { name: 'sign-in-give-back', text: 'select give_back($1, $2)' };

/**
 * Adds one to each counter, up to the first that is over, in one statement.
 *
 * @returns which was over, if any, and for how many milliseconds; whether this is the first attempt that was too many
 */
export async function count(
  counters: Knex,
  { address, place, account }: Counters,
): Promise<{ over: Over; leftMs: number; begins: boolean }> {
  const [row] = await prepared<{ over: Over; left_ms: number | null; begins: boolean | null }>(
    counters,
    COUNT,
    [
      ...[address?.key, address?.most, address && address.seconds * 1000],
      ...[place?.key, place?.most, place && place.seconds * 1000, place && place.shutSeconds * 1000],
      ...[account?.key, account?.most, account && account.seconds * 1000, account?.gate],
    ].map((value) => value ?? null),
  );
  return { over: row!.over, leftMs: row!.left_ms ?? 0, begins: row!.begins === true };
}

/** Takes one attempt back from each counter, or forgets it, in one statement over the counters' own connection. */
export async function giveBack(counters: Knex, keys: readonly { key: string; forget: boolean }[]): Promise<void> {
  await prepared(counters, GIVE_BACK, [keys.map(({ key }) => key), keys.map(({ forget }) => forget)]);
}
