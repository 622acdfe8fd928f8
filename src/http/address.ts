import { type Address, isIPv4Address, networks } from '../kernel/address.ts';

/** IPv4 that is not a host of the public Internet (IANA special-purpose registry, RFC 6890), and one that clouds misuse. */
const SPECIAL_IPV4 = networks([
  '0.0.0.0/8', // this network: 0.0.0.0 reaches the machine itself
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier-grade NAT; Alibaba's metadata is 100.100.100.200
  '127.0.0.0/8',
  '168.63.129.16/32', // Azure's host agent, on a public address
  '169.254.0.0/16', // link-local, with the metadata services of most clouds
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and the broadcast address
]);

/** Global unicast is 2000::/3 alone; loopback, mapped, NAT64, ULA, link-local and multicast all lie outside of it. */
const GLOBAL_IPV6 = networks(['2000::/3']);

/** What inside 2000::/3 is no host of the public Internet, or carries an IPv4 address of someone's choice. */
const SPECIAL_IPV6 = networks([
  '2001::/23', // protocol assignments: Teredo, ORCHID, benchmarking
  '2001:db8::/32',
  '2002::/16', // 6to4
  '2620:4f:8000::/48',
  '3fff::/20',
]);

/** Whether an address must not be called on behalf of a tenant: private, local, special, or a tunnel into such. */
export function isSpecialUse(address: Address): boolean {
  if (isIPv4Address(address)) return SPECIAL_IPV4.has(address);
  return !GLOBAL_IPV6.has(address) || SPECIAL_IPV6.has(address);
}
