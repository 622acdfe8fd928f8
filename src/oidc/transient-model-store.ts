import type { Knex } from 'knex';
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import { prepared } from '../database/pool.ts';
import type { TenantId } from '../kernel/ids.ts';
import { seal, sha256, unseal } from '../kernel/secret.ts';
import { currentScope, sqlState } from './request-scope.ts';

const FIND = {
  name: 'transient-find',
  text: 'select sealed, consumed_at from oidc_transient where tenant_id = $1 and model = $2 and id_hash = $3',
};
const SAVE = {
  name: 'transient-save',
  text: `insert into oidc_transient (tenant_id, model, id_hash, sealed, expires_at) values ($1, $2, $3, $4, to_timestamp($5))
    on conflict (tenant_id, model, id_hash) do update set sealed = excluded.sealed, expires_at = excluded.expires_at`,
};
const CONSUME = { name: 'transient-consume', text: 'select oidc_consume_transient($1, $2, $3)' };
const REMOVE = {
  name: 'transient-remove',
  text: 'delete from oidc_transient where tenant_id = $1 and model = $2 and id_hash = $3',
};
const FIRST = {
  name: 'replay-first',
  text: 'insert into oidc_replay (tenant_id, id_hash, expires_at) values ($1, $2, to_timestamp($3)) on conflict do nothing returning 1 as first',
};

/** Interactions and pushed authorization requests: they carry what a browser is in the middle of, so they are sealed. */
export function transientModelStore(tenantId: TenantId, model: string, key: Buffer): Adapter {
  const place = (idHash: Buffer) => `${tenantId}/oidc_transient/${model}/${idHash.toString('hex')}`;
  const memo = (id: string) => `${model}:${id}`;

  return {
    async find(id) {
      const scope = currentScope();
      if (scope.rows.has(memo(id))) return scope.rows.get(memo(id));
      const idHash = sha256(id);
      const [row] = await prepared<{ sealed: Buffer; consumed_at: Date | null }>(scope.db, FIND, [
        tenantId,
        model,
        idHash,
      ]);
      const payload = row && (JSON.parse(unseal(key, place(idHash), row.sealed).toString()) as AdapterPayload);
      if (payload && row.consumed_at) payload['consumed'] = Math.floor(row.consumed_at.getTime() / 1000);
      scope.rows.set(memo(id), payload);
      return payload;
    },
    async upsert(id, payload) {
      const { rows, writes } = currentScope();
      const idHash = sha256(id);
      rows.set(memo(id), payload);
      const sealed = seal(key, place(idHash), Buffer.from(JSON.stringify(payload)));
      writes.push({ statement: SAVE, values: [tenantId, model, idHash, sealed, payload.exp] });
    },
    async consume(id) {
      currentScope().writes.push({
        statement: CONSUME,
        values: [tenantId, model, sha256(id)],
        onRefusal: async (error) =>
          sqlState(error) === 'GH001' ? new errors.InvalidRequest('the request was used before') : undefined,
      });
    },
    async destroy(id) {
      const { rows, writes } = currentScope();
      rows.set(memo(id), undefined);
      writes.push({ statement: REMOVE, values: [tenantId, model, sha256(id)] });
    },
    async findByUid() {
      return undefined;
    },
    async findByUserCode() {
      return undefined;
    },
    async revokeByGrantId() {},
  };
}

/**
 * Whether a one-time value (the `jti` of a DPoP proof or client assertion) is seen for the first time. The insert
 * decides, at once and on its own: of many that come together one is first, and a failing request spends it too.
 *
 * @param exp seconds since 1970 until which the value must be remembered
 */
export async function isFirstUse(
  db: Knex,
  tenantId: TenantId,
  issuer: string,
  jti: string,
  exp: number,
): Promise<boolean> {
  const rows = await prepared(db, FIRST, [tenantId, sha256(JSON.stringify([issuer, jti])), exp]);
  return rows.length === 1;
}
