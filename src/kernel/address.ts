import { isIPv4, isIPv6 } from 'node:net';

/** An IP address as 16 bytes; IPv4 in its IPv4-mapped form (RFC 4291 §2.5.5.2), so that both spellings are one address. */
export type Address = Uint8Array;

/** Reads an address as sockets and resolvers write it; a zone id (`%eth0`) is dropped. Undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > 64) return undefined;
  if (isIPv4(text)) return parseIPv4(text);
  if (!isIPv6(text)) return undefined;
  // What a socket that listens on :: says of an IPv4 peer.
  if (text.startsWith('::ffff:') && isIPv4(text.slice(7))) return parseIPv4(text.slice(7));
  const zone = text.indexOf('%');
  return parseIPv6(zone === -1 ? text : text.slice(0, zone));
}

/** By hand: it runs for every request. */
function parseIPv4(text: string): Address {
  const bytes = new Uint8Array(16);
  bytes[10] = bytes[11] = 0xff;
  let index = 12;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0) index++;
    else bytes[index] = bytes[index]! * 10 + digit;
  }
  return bytes;
}

function parseIPv6(text: string): Address {
  const [head = '', tail] = text.split('::');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const bytes = new Uint8Array(16);
  bytes.set(left, 0);
  bytes.set(right, 16 - right.length);
  return bytes;
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/** Whether it is IPv4, written as such or mapped into IPv6. */
export function isIPv4Address(address: Address): boolean {
  for (let index = 0; index < 10; index++) if (address[index] !== 0) return false;
  return address[10] === 0xff && address[11] === 0xff;
}

/** The one spelling of an address: dotted for IPv4, RFC 5952 for IPv6. */
export function formatAddress(address: Address): string {
  if (isIPv4Address(address)) return `${address[12]}.${address[13]}.${address[14]}.${address[15]}`;
  const words = Array.from({ length: 8 }, (_, index) => (address[2 * index]! << 8) | address[2 * index + 1]!);
  const [start, length] = longestZeros(words);
  const hex = words.map((word) => word.toString(16));
  return length < 2 ? hex.join(':') : `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** Start and length of the first longest run of zero words (RFC 5952 §4.2.3). */
function longestZeros(words: readonly number[]): [number, number] {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && words[end] === 0) end++;
    if (end - start > best[1]) best = [start, end - start];
    if (end > start) start = end;
  }
  return best;
}

/**
 * Whom one counter of attempts stands for: the /64 of an IPv6 address, which one household owns, and the single IPv4
 * address. What is not an address is its own network.
 */
export function networkOf(ip: string): string {
  const address = parseAddress(ip);
  if (!address || isIPv4Address(address)) return address ? formatAddress(address) : ip;
  return `${formatAddress(address.map((byte, index) => (index < 8 ? byte : 0)))}/64`;
}

/** A set of networks in CIDR notation (RFC 4632, RFC 4291 §2.3). */
export type Networks = { has(address: Address): boolean; readonly empty: boolean };

/**
 * Reads networks such as `10.0.0.0/8`, `fd00::/8`, or a single address. An IPv6 network wider than /96 holds no IPv4.
 *
 * @throws RangeError that names the text that is not a network
 */
export function networks(texts: readonly string[]): Networks {
  const parsed = texts.map(parseNetwork);
  return {
    empty: parsed.length === 0,
    has: (address) => parsed.some((network) => contains(network, address)),
  };
}

type Network = { base: Address; bits: number };

function parseNetwork(text: string): Network {
  const slash = text.indexOf('/');
  const host = slash === -1 ? text : text.slice(0, slash);
  const base = parseAddress(host);
  const width = isIPv4(host) ? 32 : 128;
  const prefix = slash === -1 ? String(width) : text.slice(slash + 1);
  if (!base || !/^\d{1,3}$/.test(prefix) || Number(prefix) > width) throw new RangeError(`not a network: ${text}`);
  return { base, bits: Number(prefix) + (128 - width) };
}

function contains({ base, bits }: Network, address: Address): boolean {
  if (bits < 96 && isIPv4Address(address)) return false;
  const whole = bits >> 3;
  for (let index = 0; index < whole; index++) if (base[index] !== address[index]) return false;
  const rest = bits & 7;
  return rest === 0 || (base[whole]! ^ address[whole]!) >> (8 - rest) === 0;
}
