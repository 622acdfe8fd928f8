import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { inOperatorTransaction, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { deriveKey, seal, sha256, unseal } from '../../kernel/secret.ts';
import * as store from './data-key-store.ts';

export type { SealedDataKey } from './data-key-store.ts';

/** What a tenant's key is for. Each has a key of its own, derived from the tenant's data key. */
export type KeyPurpose =
  | 'seal'
  | 'cookie'
  | 'csrf'
  | 'refresh-chain'
  | 'client-secret'
  | 'pairwise'
  | 'dpop-nonce'
  | 'user-code'
  | 'device'
  | 'backup-code'
  | 'email-code'
  | 'ceremony'
  | 'captcha'
  | 'sent-code'
  | 'cursor'
  | 'idempotency'
  | 'audit'
  | 'audit-checkpoint';

const BATCH = 500;

/** A master key's name: tells keys apart without telling anything of them. */
const idOf = (masterKey: Buffer) =>
  sha256(`master-key-id:${masterKey.toString('base64url')}`)
    .toString('hex')
    .slice(0, 16);

/**
 * The envelope: each tenant has one random data key, sealed under a master key. All other keys of the tenant are derived
 * from it, so that a new master key changes none of them and signs nobody out.
 *
 * @param masterKeys the present one first, then those that may still have sealed something
 */
export function createTenantKeyService(masterKeys: readonly Buffer[]) {
  const [present] = masterKeys;
  if (!present) throw new Error('a master key is needed');
  const byId = new Map(masterKeys.map((key) => [idOf(key), key]));
  const presentId = idOf(present);
  const cache = new LRUCache<TenantId, Buffer>({ max: LIMITS.tenants });
  const place = (tenantId: TenantId, version: number) => `${tenantId}/tenant_data_keys/sealed/${version}`;

  const open = (row: store.SealedDataKey): Buffer => {
    const masterKey = byId.get(row.masterKeyId);
    if (!masterKey) throw new Error(`no master key ${row.masterKeyId} to open the data key of tenant ${row.tenantId}`);
    return unseal(masterKey, place(row.tenantId, row.version), row.sealed);
  };

  async function dataKey(call: TenantCall): Promise<Buffer> {
    const known = cache.get(call.tenantId);
    if (known) return known;
    const row = await inTransaction(call, (tx) => store.find(tx));
    if (!row) throw new Error(`tenant ${call.tenantId} has no data key`);
    const key = open(row);
    cache.set(call.tenantId, key);
    return key;
  }

  return {
    /** Gives a new tenant its data key, in the transaction that makes the tenant. */
    async create(tx: TenantCall): Promise<void> {
      const key = randomBytes(32);
      const sealed = seal(present, place(tx.tenantId, 1), key);
      await store.add(tx, { tenantId: tx.tenantId, version: 1, masterKeyId: presentId, sealed });
      // What else the transaction writes needs it; were it undone, nobody has the tenant's id.
      cache.set(tx.tenantId, key);
    },

    /** The tenant's key for one purpose: 32 bytes, the same on every node and for ever. */
    async keyFor(call: TenantCall, purpose: KeyPurpose): Promise<Buffer> {
      return deriveKey(await dataKey(call), purpose);
    },

    /** The same, for a data key that was read elsewhere (one statement that loads a whole tenant). */
    openDataKey(row: store.SealedDataKey): (purpose: KeyPurpose) => Buffer {
      const key = open(row);
      cache.set(row.tenantId, key);
      return (purpose) => deriveKey(key, purpose);
    },

    /** Keeps a data key at hand that came with another statement, so that `keyFor` needs none. */
    remember(row: store.SealedDataKey): void {
      if (!cache.has(row.tenantId)) cache.set(row.tenantId, open(row));
    },

    /**
     * Seals every data key under the present master key. Can be stopped and begun again at any point: each key opens
     * under the master key that its row names.
     *
     * @returns how many keys were sealed anew
     */
    async rotateMaster(call: OperatorCall): Promise<number> {
      for (let total = 0; ; ) {
        const count = await inOperatorTransaction(call, async (tx) => {
          const rows = await store.lockSealedUnderOther(tx, presentId, BATCH);
          for (const row of rows) {
            const sealed = seal(present, place(row.tenantId, row.version), open(row));
            await store.reseal(tx, { ...row, masterKeyId: presentId, sealed });
          }
          return rows.length;
        });
        total += count;
        if (count === 0) return total;
      }
    },
  };
}

export type TenantKeyService = ReturnType<typeof createTenantKeyService>;
