import type { Knex } from 'knex';
import type { ApiKeyId, TenantId, UserId } from './ids.ts';

/** Whose rights bound an API key, and with whom it ends; null: the service itself made it. */
export type KeyOwner = { kind: 'user'; userId: UserId } | { kind: 'client'; clientId: string } | null;

/** Who asks. `system` is the service itself: start-up, jobs, the command line, tests. */
export type Actor =
  | { kind: 'anonymous' }
  | { kind: 'user'; userId: UserId; sessionUid: string; roles: readonly string[]; permissions: readonly string[] }
  | { kind: 'client'; clientId: string; permissions: readonly string[] }
  | { kind: 'api-key'; keyId: ApiKeyId; owner: KeyOwner; permissions: readonly string[] }
  | { kind: 'system'; name: string };

/** The id of whoever asks, as their kind has it; null for nobody. Unique within the tenant and the kind. */
export function idOfActor(actor: Actor): string | null {
  switch (actor.kind) {
    case 'anonymous':
      return null;
    case 'user':
      return actor.userId;
    case 'client':
      return actor.clientId;
    case 'api-key':
      return actor.keyId;
    case 'system':
      return actor.name;
  }
}

/** Kind and id in one: `user:<id>`, `client:<id>`, `api-key:<id>`, `system:<name>`, `anonymous`. */
export function nameOfActor(actor: Actor): string {
  const id = idOfActor(actor);
  return id === null ? actor.kind : `${actor.kind}:${id}`;
}

/** Whether somebody acts on themselves: in person, or by a key that acts for them. */
export function isPerson(actor: Actor, userId: UserId): boolean {
  if (actor.kind === 'api-key') return actor.owner?.kind === 'user' && actor.owner.userId === userId;
  return actor.kind === 'user' && actor.userId === userId;
}

/** Where a request came from, as far as the house believes it; absent for jobs and the command line. */
export type Origin = {
  /** The peer's address, after trusted proxies were taken off. */
  ip: string;
  userAgent: string;
  requestId: string;
};

/**
 * The facts of one request or job that every domain function needs: over which connection, in which tenant, on whose
 * behalf, at what moment. It is the only way to reach the database, so no query can be written without a tenant.
 */
export type TenantCall = {
  /** The pool, or the open transaction. Row-level security shows nothing outside of `inTransaction`. */
  readonly db: Knex;
  readonly tenantId: TenantId;
  readonly actor: Actor;
  /** The instant the request began; the same for every row it writes. */
  readonly now: Date;
  readonly origin?: Origin;
};

/** Work across tenants: making and listing them, jobs. Only `domain/tenants`, `jobs` and the command line take one. */
export type OperatorCall = Omit<TenantCall, 'tenantId'>;

/**
 * Runs `work` in one transaction of the call's tenant: all of it is kept, or none. Inside another transaction it is a
 * savepoint. Row-level security is opened for this tenant, for as long as the transaction lasts.
 */
export async function inTransaction<T>(call: TenantCall, work: (tx: TenantCall) => Promise<T>): Promise<T> {
  return call.db.transaction(async (db) => {
    await db.raw(`select set_config('gatehouse.tenant', ?, true)`, [call.tenantId]);
    return work({ ...call, db });
  });
}

/**
 * Runs `work` once all that was done over the call's connection so far is kept: after the commit of its transaction and of
 * those around it. It never runs when one of them is undone.
 */
export function afterCommit({ db }: Pick<TenantCall, 'db'>, work: () => void): void {
  const around: Promise<unknown>[] = [];
  type Transaction = Knex.Transaction & { parentTransaction?: Transaction };
  for (let tx = db.isTransaction ? (db as Transaction) : undefined; tx; tx = tx.parentTransaction)
    around.push(tx.executionPromise);
  Promise.all(around).then(work, () => {});
}

/** Like `inTransaction`, and every statement sees what the first one saw, however long it takes. For reading. */
export async function inSnapshot<T>(call: TenantCall, work: (tx: TenantCall) => Promise<T>): Promise<T> {
  const settings = { isolationLevel: 'repeatable read' } as const;
  return call.db.transaction(async (db) => {
    await db.raw(`select set_config('gatehouse.tenant', ?, true)`, [call.tenantId]);
    return work({ ...call, db });
  }, settings);
}

/**
 * Like `inTransaction`, and row-level security shows every tenant. Inside another transaction it shows afterwards what it
 * showed before.
 */
export async function inOperatorTransaction<T>(call: OperatorCall, work: (tx: OperatorCall) => Promise<T>): Promise<T> {
  return call.db.transaction(async (db) => {
    const { rows } = await db.raw(
      `select current_setting('gatehouse.operator', true) as before, set_config('gatehouse.operator', 'on', true)`,
    );
    const result = await work({ ...call, db });
    const { before } = rows[0] as { before: string | null };
    if (call.db.isTransaction && before !== 'on') await db.raw(`select set_config('gatehouse.operator', 'off', true)`);
    return result;
  });
}
