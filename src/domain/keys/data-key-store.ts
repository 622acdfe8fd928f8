import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';

export type SealedDataKey = { tenantId: TenantId; version: number; masterKeyId: string; sealed: Buffer };

type Row = { tenant_id: TenantId; version: number; master_key_id: string; sealed: Buffer };
const COLUMNS = ['tenant_id', 'version', 'master_key_id', 'sealed'] as const;
const toKey = (row: Row): SealedDataKey => ({
  tenantId: row.tenant_id,
  version: row.version,
  masterKeyId: row.master_key_id,
  sealed: row.sealed,
});

/** The tenant's newest data key. */
export async function find({ db, tenantId }: TenantCall): Promise<SealedDataKey | undefined> {
  const row = await db<Row>('tenant_data_keys')
    .where({ tenant_id: tenantId })
    .orderBy('version', 'desc')
    .first(...COLUMNS);
  return row && toKey(row);
}

export async function add({ db, now }: TenantCall, key: SealedDataKey): Promise<void> {
  await db('tenant_data_keys').insert({
    tenant_id: key.tenantId,
    version: key.version,
    master_key_id: key.masterKeyId,
    sealed: key.sealed,
    created_at: now,
  });
}

/**
 * Locks a batch of keys that another master key sealed. Those that another node works on are waited for: who is told that
 * none is left may throw the old master key away.
 */
export async function lockSealedUnderOther(
  { db }: OperatorCall,
  masterKeyId: string,
  limit: number,
): Promise<SealedDataKey[]> {
  const rows = await db<Row>('tenant_data_keys')
    .whereNot({ master_key_id: masterKeyId })
    .orderBy('tenant_id')
    .limit(limit)
    .forUpdate()
    .select(...COLUMNS);
  return rows.map(toKey);
}

export async function reseal({ db }: OperatorCall, key: SealedDataKey): Promise<void> {
  await db('tenant_data_keys')
    .where({ tenant_id: key.tenantId, version: key.version })
    .update({ master_key_id: key.masterKeyId, sealed: key.sealed });
}
