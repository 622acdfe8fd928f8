import { type Client, errors } from 'oidc-provider';
import { type Networks, networks, parseAddress } from '../kernel/address.ts';

/**
 * Refuses a client from outside the networks that its tenant allows it. It happens when the client is known and before
 * its secret is looked at, so that a stolen secret does not even tell whether it is right.
 */
export function createAddressCheck(): (client: Client, ip: string) => void {
  const parsed = new WeakMap<object, Networks>();
  return (client, ip) => {
    const allowed = client['allowed_ips'] as string[] | undefined;
    if (!allowed || allowed.length === 0) return;
    let known = parsed.get(client);
    if (!known) {
      known = networks(allowed);
      parsed.set(client, known);
    }
    const address = parseAddress(ip);
    if (!address || !known.has(address)) throw new errors.InvalidClientAuth('the address is not one of the client');
  };
}
