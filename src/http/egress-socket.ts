import { connect as connectSocket, type Socket } from 'node:net';
import { type Address, type Networks, networks, parseAddress } from '../kernel/address.ts';
import { isSpecialUse } from './address.ts';
import { addressesOf, pinned, type Resolve, resolveBySystem } from './egress-resolve.ts';
import { EgressError, isLocalName } from './egress-url.ts';

export type SocketTarget = {
  host: string;
  port: number;
  /** The operator's own choice, which the rules about addresses do not bind; a tenant's choice otherwise. */
  isOperators: boolean;
};

export type SocketEgress = {
  /**
   * A TCP connection for what does not speak HTTP. The caller speaks TLS on it.
   *
   * @param timeoutMs until it is connected; it has no other limit
   * @throws EgressError `address`, `unresolved`, `timeout`, `network`
   */
  connect(target: SocketTarget, timeoutMs: number): Promise<Socket>;
};

/**
 * The way out of the house that is not HTTP, under the rules of `createEgress`: a name is resolved once, each of its
 * addresses is checked, and the connection goes to those addresses only.
 *
 * @param allowedCidrs networks of the operator's choice that may be called although private
 */
export function createSocketEgress(deps: { allowedCidrs: readonly string[]; resolve?: Resolve }): SocketEgress {
  const allowed = networks(deps.allowedCidrs);
  const resolve = deps.resolve ?? resolveBySystem;

  return {
    async connect({ host, port, isOperators }, timeoutMs) {
      const signal = AbortSignal.timeout(timeoutMs);
      const assert = isOperators ? () => {} : assertPublic(allowed);
      const literal = parseAddress(host);
      if (literal) assert(literal);
      else if (!isOperators && isLocalName(host) && allowed.empty) throw new EgressError('address');
      const addresses = literal ? [literal] : await addressesOf(host, resolve, assert, signal);
      return opened(host, port, addresses, assert, signal);
    },
  };
}

const assertPublic = (allowed: Networks) => (address: Address) => {
  if (!allowed.has(address) && isSpecialUse(address)) throw new EgressError('address');
};

function opened(
  host: string,
  port: number,
  addresses: readonly Address[],
  assert: (address: Address) => void,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host, port, lookup: pinned(addresses), autoSelectFamily: true });
    const fail = (error: EgressError) => {
      socket.destroy();
      reject(error);
    };
    const late = () => fail(new EgressError('timeout'));
    signal.addEventListener('abort', late, { once: true });
    // Stays for the life of the socket: an error that nobody hears ends the process.
    socket.on('error', (error) => fail(new EgressError('network', { cause: error })));
    socket.once('connect', () => {
      signal.removeEventListener('abort', late);
      // The second lock: what the socket says it is connected to is judged before anything is sent.
      const peer = parseAddress(socket.remoteAddress ?? '');
      try {
        if (!peer) throw new EgressError('network');
        assert(peer);
        resolve(socket);
      } catch (error) {
        fail(error as EgressError);
      }
    });
  });
}
