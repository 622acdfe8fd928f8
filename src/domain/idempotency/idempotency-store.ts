import type { TenantCall } from '../../kernel/call.ts';

/** An answer that was kept. */
export type KeptRow = { request: Buffer; sealed: Buffer };

/** The answer that is kept under a key and has not ended. */
export async function find({ db, tenantId, now }: TenantCall, key: Buffer): Promise<KeptRow | undefined> {
  return db('idempotency_keys')
    .where({ tenant_id: tenantId, key })
    .where('expires_at', '>', now)
    .first('request', 'sealed');
}

/**
 * Takes the key for this transaction, unless another one has it; waits for nobody. The lock goes with the transaction,
 * however that ends: there is no row that a crash could leave behind.
 */
export async function tryLock({ db }: TenantCall, key: Buffer): Promise<boolean> {
  const { rows } = await db.raw('select pg_try_advisory_xact_lock(?) as got', [String(key.readBigInt64BE())]);
  return rows[0].got;
}

/** Keeps an answer; the row of a key that has ended makes room. */
export async function put(
  { db, tenantId, now }: TenantCall,
  key: Buffer,
  { request, sealed }: KeptRow,
  expiresAt: Date,
): Promise<void> {
  await db('idempotency_keys')
    .insert({ tenant_id: tenantId, key, request, sealed, created_at: now, expires_at: expiresAt })
    .onConflict(['tenant_id', 'key'])
    .merge(['request', 'sealed', 'created_at', 'expires_at']);
}
