import { AsyncLocalStorage } from 'node:async_hooks';
import type { Knex } from 'knex';
import type { AdapterPayload } from 'oidc-provider';
import { type Prepared, preparedTogether } from '../database/pool.ts';
import type { TenantId } from '../kernel/ids.ts';

/** One statement that the request owes the database. */
export type Write = {
  statement: Prepared;
  values: unknown[];
  /** Tells what it means that PostgreSQL refused: with an error to throw, or `retry` without this statement. */
  onRefusal?: (error: unknown) => Promise<Error | 'without' | undefined>;
};

/**
 * What one request of the core has read and what it owes. The core's adapter gets no context, so this travels beside it.
 * Reads go to the database at once; writes are kept and go together, in one transaction and one round trip, when the
 * answer is ready. Either all that a token request did is kept, or nothing.
 */
export type RequestScope = {
  readonly db: Knex;
  readonly tenantId: TenantId;
  readonly ip: string;
  readonly userAgent: string;
  readonly requestId?: string;
  /** Who repeats a refresh inside the grace must look like who asked first. */
  readonly device: Buffer | null;
  /** Rows by `model:id`, as they will be after the writes; undefined for one that is known to be absent. */
  readonly rows: Map<string, AdapterPayload | undefined>;
  /** Rows that were read from the database, as they were then. */
  readonly loaded: Map<string, AdapterPayload>;
  readonly writes: Write[];
  /** A verified JWT that stands in for a stored token (introspection, userinfo). */
  standIn?: { id: string; model: string; payload: AdapterPayload };
  /** Whether the request gives a code away, on the strength of its session. */
  givesCode?: boolean;
  /** Set when a refresh token turned out to be used before. */
  refreshReplay?: boolean;
  /** The address of the user whose token the request issues, where it was read for it. */
  email?: string;
  /** Seconds that the refresh token lives which the request issues. */
  refreshSeconds?: number;
  /** What happens once the writes are kept: audit lines, metrics. */
  readonly afterwards: (() => void)[];
};

const storage = new AsyncLocalStorage<RequestScope>();

/** The scope of the running request. Throws outside of one: that is a bug, not a state. */
export function currentScope(): RequestScope {
  const scope = storage.getStore();
  if (!scope) throw new Error('the core was used outside of a request scope');
  return scope;
}

export type ScopeStart = Pick<RequestScope, 'db' | 'tenantId' | 'ip' | 'userAgent' | 'requestId'> & {
  device?: Buffer | null;
};

/**
 * Runs `work` in a new scope and then keeps what it owes.
 *
 * @param keep tells whether the work's outcome may be kept; a protocol error is kept (it may have revoked a family), an
 *   unexpected one is not
 */
export async function inRequestScope<T>(
  start: ScopeStart,
  work: () => Promise<T>,
  keep: (result: T) => boolean = () => true,
): Promise<T> {
  const scope: RequestScope = {
    device: null,
    ...start,
    rows: new Map(),
    loaded: new Map(),
    writes: [],
    afterwards: [],
  };
  return storage.run(scope, async () => {
    const result = await work();
    if (keep(result)) await settle(scope);
    return result;
  });
}

/** Keeps what the scope owes so far. Called again it has nothing left to do. */
export async function settle(scope: RequestScope): Promise<void> {
  let writes = scope.writes.splice(0);
  while (writes.length > 0) {
    try {
      await preparedTogether(scope.db, writes);
      break;
    } catch (error) {
      const [refused, verdict] = await judge(writes, error);
      if (verdict !== 'without') throw verdict ?? error;
      writes = writes.filter((write) => write !== refused);
    }
  }
  for (const act of scope.afterwards.splice(0)) act();
}

async function judge(
  writes: readonly Write[],
  error: unknown,
): Promise<[Write | undefined, Error | 'without' | undefined]> {
  for (const write of writes) {
    const verdict = await write.onRefusal?.(error);
    if (verdict) return [write, verdict];
  }
  return [undefined, undefined];
}

/** The SQLSTATE of an error of PostgreSQL. */
export function sqlState(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}
