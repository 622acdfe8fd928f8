import { loadConfig } from '../src/config.ts';
import { generateSigningKey, SIGNING_ALGS } from '../src/domain/keys/signing-key.ts';
import { openHouse } from '../src/house.ts';
import { batchesOf } from '../src/kernel/batches.ts';
import { inOperatorTransaction } from '../src/kernel/call.ts';
import type { TenantId } from '../src/kernel/ids.ts';
import { createLog } from '../src/kernel/log.ts';
import { seal } from '../src/kernel/secret.ts';
import { gatehouseEnvironment } from './servers.ts';

/**
 * Gives every tenant of a database its signing keys, as if each had been asked for once. They are copies of one pair:
 * ten thousand pairs would take ten minutes to make, and no request can tell.
 */
export async function giveSigningKeys(databaseUrl: string): Promise<void> {
  const config = loadConfig(gatehouseEnvironment(databaseUrl, 1));
  const house = await openHouse({ config, log: createLog({ level: 'warn', name: 'bench' }), databaseUrl });
  const made = await Promise.all(SIGNING_ALGS.map(async (alg) => ({ alg, ...(await generateSigningKey(alg)) })));
  try {
    await inOperatorTransaction(house.operator('bench'), async (tx) => {
      const tenants: { id: TenantId }[] = await tx
        .db('tenants')
        .whereNotIn('id', tx.db('signing_keys').select('tenant_id'))
        .select('id');
      for (const batch of batchesOf(tenants, 500)) {
        const rows = [];
        for (const { id } of batch) {
          const key = await house.services.tenantKeys.keyFor({ ...tx, tenantId: id }, 'seal');
          for (const { alg, kid, publicJwk, privateJwk } of made) {
            const sealed = seal(key, `${id}/signing_keys/sealed/${kid}`, Buffer.from(JSON.stringify(privateJwk)));
            rows.push({
              tenant_id: id,
              kid,
              alg,
              status: 'active',
              public_jwk: JSON.stringify(publicJwk),
              sealed,
              created_at: tx.now,
              activated_at: tx.now,
            });
          }
        }
        await tx.db('signing_keys').insert(rows);
      }
    });
  } finally {
    await house.close();
  }
}
