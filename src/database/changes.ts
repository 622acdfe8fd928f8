import pg from 'pg';
import type { Log } from '../kernel/log.ts';
import * as store from './changes-store.ts';
import type { DatabaseAddress } from './pool.ts';

/** Told of one topic under its prefix; of `undefined` when anything may have changed. Must not throw; may be told twice. */
export type ChangeHandler = (topic: string | undefined) => void;

export type Changes = {
  /** @param prefix such as `tenant:` @returns a function that ends it */
  on(prefix: string, handler: ChangeHandler): () => void;
  /** Resolves when it listens, or when the first try has failed: it goes on trying by itself. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

const POLL_MS = 10_000;
const QUERY_MS = 5_000;
const BACKOFF_MS = { first: 250, most: 15_000 };
const MOST_ROWS = 5_000;

/**
 * News between the nodes: what another node changed, so that caches forget it. A connection of its own listens; each
 * topic arrives once the change is committed. While it is not connected nothing is known, so on the way down and again
 * when it is back every handler hears that anything may have changed. As a safety net it reads the table `changes` each
 * `pollMs` and delivers what no notification brought (a pooler between us and PostgreSQL may swallow them); the same
 * query shows that the connection still lives.
 *
 * Every change is delivered at least once within about `pollMs`, and never before its commit.
 */
export function createChanges(deps: { address: DatabaseAddress; log: Log; pollMs?: number }): Changes {
  const handlers = new Set<{ prefix: string; handler: ChangeHandler }>();
  const ledger = createLedger();
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = true;
  let backoff = BACKOFF_MS.first;

  function tell(topic: string | undefined): void {
    for (const { prefix, handler } of handlers) {
      if (topic !== undefined && !topic.startsWith(prefix)) continue;
      try {
        handler(topic);
      } catch (error) {
        deps.log.error({ err: error, topic }, 'a change could not be taken in');
      }
    }
  }

  async function connect(): Promise<void> {
    const next = new pg.Client({
      ...target(deps.address),
      application_name: 'gatehouse changes',
      keepAlive: true,
      connectionTimeoutMillis: QUERY_MS,
      query_timeout: QUERY_MS,
    } as pg.ClientConfig);
    next.on('error', (error) => lost(next, error));
    next.on('end', () => lost(next, undefined));
    next.on('notification', ({ payload }) => {
      if (payload === undefined || client !== next) return;
      ledger.heard(payload);
      tell(payload);
    });
    client = next;
    try {
      await next.connect();
      await store.listen(next);
      const now = await store.clock(next);
      ledger.restart(now, await store.recent(next, now, MOST_ROWS));
    } catch (error) {
      lost(next, error);
      return;
    }
    if (client !== next) return;
    backoff = BACKOFF_MS.first;
    tell(undefined);
    later(() => poll(next), deps.pollMs ?? POLL_MS);
  }

  async function poll(current: pg.Client): Promise<void> {
    try {
      const now = await store.clock(current);
      const rows = await store.recent(current, ledger.since(), MOST_ROWS);
      if (client !== current) return;
      const missed = ledger.reconcile(now, rows);
      if (rows.length === MOST_ROWS) tell(undefined);
      else for (const topic of missed) tell(topic);
    } catch (error) {
      lost(current, error);
      return;
    }
    later(() => poll(current), deps.pollMs ?? POLL_MS);
  }

  /** Once for each connection, whichever of its events comes first. */
  function lost(gone: pg.Client, error: unknown): void {
    if (client !== gone) return;
    client = undefined;
    gone.end().catch(() => {});
    if (stopped) return;
    deps.log.warn({ err: error }, 'the listener for changes lost its connection');
    tell(undefined);
    later(connect, backoff * (0.5 + Math.random()));
    backoff = Math.min(backoff * 2, BACKOFF_MS.most);
  }

  function later(work: () => Promise<void>, ms: number): void {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(() => void work(), ms);
  }

  return {
    on(prefix, handler) {
      const entry = { prefix, handler };
      handlers.add(entry);
      return () => void handlers.delete(entry);
    },
    async start() {
      stopped = false;
      await connect();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      const last = client;
      client = undefined;
      await last?.end().catch(() => {});
    },
  };
}

function target(address: DatabaseAddress): pg.ClientConfig {
  return typeof address === 'string' ? { connectionString: address } : address;
}

/** Which rows of `changes` a notification, or an earlier reading, has already brought. */
function createLedger() {
  let last: string | undefined;
  let read = new Set<string>();
  let heard = new Map<string, number>();
  let heardBefore = new Map<string, number>();

  /** One notification stands for one row. What several rows share in one transaction comes once, and is told again. */
  function wasHeard(topic: string): boolean {
    const counts = heardBefore.has(topic) ? heardBefore : heard;
    const count = counts.get(topic);
    if (count === undefined) return false;
    if (count === 1) counts.delete(topic);
    else counts.set(topic, count - 1);
    return true;
  }

  return {
    since: () => last,
    heard: (topic: string) => void heard.set(topic, (heard.get(topic) ?? 0) + 1),
    restart(now: string, rows: readonly store.Change[]): void {
      last = now;
      read = new Set(rows.map(({ id }) => id));
      heard = new Map();
      heardBefore = new Map();
    },
    /** The topics of rows that are new and were not heard; remembers this reading for the next. */
    reconcile(now: string, rows: readonly store.Change[]): string[] {
      const missed = rows.filter(({ id, topic }) => !read.has(id) && !wasHeard(topic)).map(({ topic }) => topic);
      last = now;
      read = new Set(rows.map(({ id }) => id));
      // A notification without a row (a bare wake-up) is forgotten after two readings.
      heardBefore = heard;
      heard = new Map();
      return [...new Set(missed)];
    },
  };
}
