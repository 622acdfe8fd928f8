import { lookup as systemLookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { type Address, formatAddress, isIPv4Address, parseAddress } from '../kernel/address.ts';
import { EgressError } from './egress-url.ts';

export type Resolve = (host: string) => Promise<readonly string[]>;

export const resolveBySystem: Resolve = async (host) =>
  (await systemLookup(host, { all: true })).map(({ address }) => address);

/**
 * The addresses of a name, each of them judged. One bad address spoils the name: whoever mixes them is trying.
 *
 * @param assert throws for an address that must not be called
 * @throws EgressError `unresolved`, `timeout` once the signal has given up, and what `assert` throws
 */
export async function addressesOf(
  host: string,
  resolve: Resolve,
  assert: (address: Address) => void,
  signal: AbortSignal,
): Promise<Address[]> {
  const answers = await Promise.race([resolve(host), aborted(signal)]).catch((error: unknown) => {
    throw signal.aborted ? new EgressError('timeout') : new EgressError('unresolved', { cause: error });
  });
  const addresses = answers.map(parseAddress);
  if (addresses.length === 0) throw new EgressError('unresolved');
  for (const address of addresses) {
    if (!address) throw new EgressError('unresolved');
    assert(address);
  }
  return addresses as Address[];
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** A resolver that knows one answer: the addresses that were checked. */
export function pinned(addresses: readonly Address[]): LookupFunction {
  const answers = addresses.map((address) => ({
    address: formatAddress(address),
    family: isIPv4Address(address) ? 4 : 6,
  }));
  return (_host, options, callback) => {
    if (options.all) callback(null, answers);
    else callback(null, answers[0]!.address, answers[0]!.family);
  };
}
