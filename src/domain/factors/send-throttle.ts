import type { Knex } from 'knex';
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { networkOf } from '../../kernel/address.ts';
import type { TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import type { UserId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { sha256 } from '../../kernel/secret.ts';
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
  const limiter = (keyPrefix: string, points: number) =>
    new RateLimiterPostgres({
      storeClient: counters,
      storeType: 'knex',
      tableName: 'rate_limits',
      tableCreated: true,
      clearExpiredByTimeout: false,
      keyPrefix,
      points,
      duration: HOUR,
    });
  const byAccount = limiter('code-account', LIMITS.codeSendsOfAccount);
  const byAddress = limiter('code-address', LIMITS.codeSendsToAddress);
  const byNetwork = limiter('code-network', LIMITS.codeSendsOfNetwork);
  // How many are too many is each tenant's own setting, so what is counted is compared here.
  const byTenant = limiter('code-tenant', Number.MAX_SAFE_INTEGER);

  async function take(one: RateLimiterPostgres, key: string): Promise<RateLimiterRes> {
    try {
      return await one.consume(sha256(key).toString('base64url'));
    } catch (refused) {
      // Anything else is the database's own error.
      if (!(refused instanceof RateLimiterRes)) throw refused;
      throw tooMany(refused);
    }
  }

  return {
    /** @throws Failure `rate_limited`; `retryAfter` in seconds */
    async take({ tenantId, origin }: TenantCall, { userId, channel, address, perHour }: Sending): Promise<void> {
      if (origin) await take(byNetwork, networkOf(origin.ip));
      await take(byAccount, `${tenantId}:${userId}`);
      await take(byAddress, `${channel}:${address}`);
      if (channel !== 'sms') return;
      const ofTenant = await take(byTenant, tenantId);
      if (ofTenant.consumedPoints > perHour) throw tooMany(ofTenant);
    },
  };
}

export type SendThrottle = ReturnType<typeof createSendThrottle>;

const tooMany = ({ msBeforeNext }: RateLimiterRes) =>
  new Failure('rate_limited', { retryAfter: Math.max(1, Math.ceil(msBeforeNext / 1000)) });
