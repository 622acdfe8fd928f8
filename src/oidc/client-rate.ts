import type { Client } from 'oidc-provider';
import type { RateLimiter, RateRule, Spent } from '../http/rate-limit.ts';
import type { TenantId } from '../kernel/ids.ts';

export type ClientRate = {
  /** How many seconds a client that has used its rate up must wait; undefined for any other. Counts nothing. */
  waitOf(client: Client): Promise<number | undefined>;
  /** Counts one request of a client; undefined where it has no rate. */
  spend(client: Client): Promise<Spent | undefined>;
};

/**
 * How often a client may ask the token endpoint (`rateLimitPerMinute`), counted by all nodes together. Who has used it up
 * is refused before the secret is looked at; counted is only what has authenticated, so that a stranger who knows no more
 * than the id uses up nothing.
 */
export function createClientRate({ tenantId, rates }: { tenantId: TenantId; rates: RateLimiter }): ClientRate {
  const ruleOf = (client: Client): RateRule | undefined => {
    const points = client['rate_limit_per_minute'];
    if (typeof points !== 'number') return undefined;
    return { name: 'client', points, seconds: 60, per: 'user', count: 'exact' };
  };
  const whoOf = ({ clientId }: Client) => `${tenantId}:${clientId}`;

  return {
    async waitOf(client) {
      const rule = ruleOf(client);
      const standing = rule && (await rates.look(rule, whoOf(client)));
      return standing?.remaining === 0 ? standing.resetSeconds : undefined;
    },

    async spend(client) {
      const rule = ruleOf(client);
      return rule && rates.spend(rule, whoOf(client));
    },
  };
}
