import type { Adapter, AdapterPayload } from 'oidc-provider';
import { prepared } from '../database/pool.ts';
import type { TenantId } from '../kernel/ids.ts';
import { currentScope } from './request-scope.ts';

const FIND = { name: 'grant-find', text: 'select payload from oidc_grant where tenant_id = $1 and id = $2' };
const ADD = {
  name: 'grant-add',
  text: `insert into oidc_grant (tenant_id, id, account_id, client_id, payload, expires_at)
    values ($1, $2, $3, $4, $5, to_timestamp($6))`,
};
// A grant that was revoked since it was read is not brought back.
const KEEP = {
  name: 'grant-keep',
  text: 'update oidc_grant set payload = $3, expires_at = to_timestamp($4) where tenant_id = $1 and id = $2',
};
const REMOVE = { name: 'grant-remove', text: 'delete from oidc_grant where tenant_id = $1 and id = $2' };

export const grantRow = (id: string) => `Grant:${id}`;

/** Grants: what a user allowed a client. Removing one is the revocation of all that was issued under it. */
export function grantModelStore(tenantId: TenantId): Adapter {
  return {
    async find(id) {
      const scope = currentScope();
      if (scope.rows.has(grantRow(id))) return scope.rows.get(grantRow(id));
      const [row] = await prepared<{ payload: AdapterPayload }>(scope.db, FIND, [tenantId, id]);
      return rememberGrant(id, row?.payload);
    },
    async upsert(id, payload) {
      const scope = currentScope();
      const { jti: _, ...body } = payload;
      scope.rows.set(grantRow(id), payload);
      if (scope.loaded.has(grantRow(id)))
        scope.writes.push({ statement: KEEP, values: [tenantId, id, body, payload.exp] });
      else
        scope.writes.push({
          statement: ADD,
          values: [tenantId, id, payload.accountId ?? null, payload.clientId, body, payload.exp],
        });
    },
    async destroy(id) {
      const scope = currentScope();
      scope.rows.set(grantRow(id), undefined);
      scope.writes.push({ statement: REMOVE, values: [tenantId, id] });
    },
    async findByUid() {
      return undefined;
    },
    async findByUserCode() {
      return undefined;
    },
    async consume() {},
    async revokeByGrantId() {},
  };
}

/** Keeps a grant that another statement has read along, so that the core's own look-up costs nothing. */
export function rememberGrant(id: string, body: AdapterPayload | undefined): AdapterPayload | undefined {
  const { rows, loaded } = currentScope();
  const payload = body && { ...body, jti: id };
  rows.set(grantRow(id), payload);
  if (payload) loaded.set(grantRow(id), payload);
  return payload;
}
