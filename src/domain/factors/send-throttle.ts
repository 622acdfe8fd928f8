import type { Knex } from 'knex';
import { networkOf } from '../../kernel/address.ts';
import type { TenantCall } from '../../kernel/call.ts';
import { createCounter } from '../../kernel/counter.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { Channel } from './sent-code.ts';

const HOUR = 3_600;

/** A code that is to be sent: whose it is, and where it goes to. */
export type Sending = {
  userId: UserId;
  channel: Channel;
  /** E-mail address or number; the same at all tenants, so that no telephone is flooded by way of several. */
  address: string;
  /** Text messages that the tenant may send in an hour. */
  perHour: number;
};

/**
 * Counts codes that are sent, over all nodes, in an hour: of an account, to an address, for a network, and, of text
 * messages, of a tenant. Whoever knows a password could else flood a telephone, or earn by having one called. What was
 * counted stays counted, whatever becomes of the request.
 *
 * @param counters a small pool that is not the requests' own
 */
export function createSendThrottle({ counters }: { counters: Knex }) {
  const counter = (name: string, points: number) =>
    createCounter(counters, { name, points, seconds: HOUR, hidesKeys: true });
  const byAccount = counter('code-account', LIMITS.codeSendsOfAccount);
  const byAddress = counter('code-address', LIMITS.codeSendsToAddress);
  const byNetwork = counter('code-network', LIMITS.codeSendsOfNetwork);
  // How many are too many is each tenant's own setting, and comes with each count.
  const byTenant = counter('code-tenant', Number.MAX_SAFE_INTEGER);

  return {
    /** @throws Failure `rate_limited`; `retryAfter` in seconds */
    async take({ tenantId, origin }: TenantCall, { userId, channel, address, perHour }: Sending): Promise<void> {
      if (origin) await byNetwork.take(networkOf(origin.ip));
      await byAccount.take(`${tenantId}:${userId}`);
      await byAddress.take(`${channel}:${address}`);
      if (channel === 'sms') await byTenant.take(tenantId, perHour);
    },
  };
}

export type SendThrottle = ReturnType<typeof createSendThrottle>;
