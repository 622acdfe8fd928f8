import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import { RateLimiterPostgres } from 'rate-limiter-flexible';
import { LIMITS } from '../kernel/limits.ts';
import type { Log } from '../kernel/log.ts';
import { sha256 } from '../kernel/secret.ts';

/** How often somebody may do something: `points` times in a window of `seconds`. */
export type RateRule = {
  /** One counter per name and caller; operations with the same rule share it. Also the name of the public policy. */
  readonly name: string;
  readonly points: number;
  readonly seconds: number;
  /** Whose requests are counted: those of an address (a /64 of IPv6), of a signed-in user or client, of a whole tenant. */
  readonly per: 'ip' | 'user' | 'tenant';
  /**
   * `exact`: every request is one statement in the database, for what is rare and dear. `reported`: a node counts in
   * memory and tells the others of ten requests at a time, so the path of each request has no statement, and a caller who
   * is spread over n nodes gets at most n × 10 requests more.
   */
  readonly count: 'exact' | 'reported';
};

/** Where a caller stands after a request was counted. */
export type Spent = { rule: RateRule; isOver: boolean; remaining: number; resetSeconds: number };

export type RateLimiter = {
  /**
   * Counts one request of `who`; undefined where the rule is turned off. Never rejects: without the database, a node
   * counts by itself.
   */
  spend(rule: RateRule, who: string): Promise<Spent | undefined>;
  /** Where `who` stands by what this node knows. Counts nothing and asks nobody. */
  standing(rule: RateRule, who: string): Spent | undefined;
  /**
   * Where `who` stands by what all nodes have counted. Counts nothing; asks the database unless this node knows already
   * that `who` is over. Never rejects.
   */
  look(rule: RateRule, who: string): Promise<Spent | undefined>;
  /** Takes a request back that was counted before it was known whether it counts. Never rejects. */
  giveBack(rule: RateRule, who: string): Promise<void>;
};

/** What a deployment says of a rule: other numbers, or none where a gateway does it. */
export type RateOverrides = Readonly<Record<string, { points: number; seconds: number } | false>>;

/** A window of a caller, as this node sees it. */
type Window = { total: number; unreported: number; reporting: boolean; resetAt: number };

const REPORT_EACH = 10;

/**
 * Counts requests in fixed windows, shared by all nodes through `rate_limits`. Who is over a limit is remembered in
 * memory until the window ends, so a flood costs no statements. Memory is bounded; keys are stored as hashes.
 *
 * @param counters a small pool that is not the requests' own: a count outlives a rolled-back request, and a request that
 *   holds a connection never waits for a second one here
 */
export function createRateLimiter(deps: { counters: Knex; log: Log; overrides?: RateOverrides }): RateLimiter {
  const { counters, log, overrides = {} } = deps;
  // One for all rules: the window is told with each count, and the expired are cleared by one timer.
  const store = new RateLimiterPostgres({
    storeClient: counters,
    storeType: 'knex',
    tableName: 'rate_limits',
    tableCreated: true,
    keyPrefix: 'api',
    points: 1_000_000,
    duration: 60,
  });
  const windows = new LRUCache<string, Window>({ max: LIMITS.rateLimitKeys });

  function windowOf(key: string, seconds: number): Window {
    const known = windows.get(key);
    if (known && known.resetAt > Date.now()) return known;
    const fresh = { total: 0, unreported: 0, reporting: false, resetAt: Date.now() + seconds * 1000 };
    windows.set(key, fresh);
    return fresh;
  }

  /**
   * Adds `points` of what this node has counted to the shared counter.
   *
   * @returns what all nodes have counted in this window; undefined when the database did not answer
   */
  async function report(key: string, window: Window, seconds: number, points: number): Promise<number | undefined> {
    try {
      const { consumedPoints, msBeforeNext } = await store.penalty(key, points, { customDuration: seconds });
      const resetAt = Date.now() + msBeforeNext;
      // Answers may overtake one another inside of a window.
      const isNext = resetAt > window.resetAt + 1000;
      window.unreported -= points;
      window.total = isNext ? consumedPoints : Math.max(window.total, consumedPoints);
      window.resetAt = resetAt;
      return consumedPoints;
    } catch (error) {
      log.warn({ err: error }, 'a rate limit is counted by this node alone');
      return undefined;
    }
  }

  async function count(key: string, window: Window, rule: RateRule): Promise<number> {
    if (window.total > rule.points) return window.total;
    window.unreported += 1;
    if (rule.count === 'exact') {
      const consumed = await report(key, window, rule.seconds, 1);
      if (consumed !== undefined) return consumed;
    } else if (window.unreported >= REPORT_EACH && !window.reporting) {
      window.reporting = true;
      void report(key, window, rule.seconds, window.unreported).finally(() => {
        window.reporting = false;
      });
    }
    return window.total + window.unreported;
  }

  /** The rule as this deployment has it, and the counter of a caller; undefined where the rule is turned off. */
  function counterOf(declared: RateRule, who: string): { rule: RateRule; key: string; window: Window } | undefined {
    const override = overrides[declared.name];
    if (override === false) return undefined;
    const rule = override ? { ...declared, ...override } : declared;
    const key = sha256(`${rule.name}:${who}`).toString('base64url');
    return { rule, key, window: windowOf(key, rule.seconds) };
  }

  return {
    async spend(declared, who) {
      const counter = counterOf(declared, who);
      if (!counter) return undefined;
      const { rule, key, window } = counter;
      return spentOf(rule, window, await count(key, window, rule));
    },

    standing(declared, who) {
      const counter = counterOf(declared, who);
      return counter && spentOf(counter.rule, counter.window, counter.window.total + counter.window.unreported);
    },

    async look(declared, who) {
      const counter = counterOf(declared, who);
      if (!counter) return undefined;
      const { rule, key, window } = counter;
      if (window.total < rule.points) {
        const counted = await store.get(key).catch((error: unknown) => {
          log.warn({ err: error }, 'a rate limit is counted by this node alone');
          return null;
        });
        if (counted) window.total = Math.max(window.total, counted.consumedPoints);
        if (counted) window.resetAt = Date.now() + counted.msBeforeNext;
      }
      return spentOf(rule, window, window.total + window.unreported);
    },

    async giveBack(declared, who) {
      const counter = counterOf(declared, who);
      if (!counter) return;
      const { key, window, rule } = counter;
      window.total = Math.max(0, window.total - 1);
      await store.reward(key, 1, { customDuration: rule.seconds }).catch((error: unknown) => {
        log.warn({ err: error }, 'a rate limit is counted by this node alone');
      });
    },
  };
}

const spentOf = (rule: RateRule, { resetAt }: Window, used: number): Spent => ({
  rule,
  isOver: used > rule.points,
  remaining: Math.max(0, rule.points - used),
  resetSeconds: Math.max(1, Math.ceil((resetAt - Date.now()) / 1000)),
});

/** The headers that tell a caller of the limits (draft-ietf-httpapi-ratelimit-headers-10, RFC 9110 §10.2.3). */
export function rateHeaders(spent: readonly Spent[]): Record<string, string> {
  if (spent.length === 0) return {};
  const over = spent.filter(({ isOver }) => isOver);
  return {
    'RateLimit-Policy': spent.map(({ rule }) => `"${rule.name}";q=${rule.points};w=${rule.seconds}`).join(', '),
    RateLimit: spent
      .map(({ rule, remaining, resetSeconds }) => `"${rule.name}";r=${remaining};t=${resetSeconds}`)
      .join(', '),
    ...(over.length > 0 && { 'Retry-After': String(Math.max(...over.map(({ resetSeconds }) => resetSeconds))) }),
  };
}
