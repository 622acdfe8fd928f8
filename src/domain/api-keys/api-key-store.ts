import { prepared, preparedTogether } from '../../database/pool.ts';
import type { KeyOwner, OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { ApiKeyId, TenantId, UserId } from '../../kernel/ids.ts';
import type { ApiKey, ApiKeyValues } from './api-key.ts';

type Row = {
  tenant_id: TenantId;
  id: ApiKeyId;
  name: string;
  owner_user: UserId | null;
  owner_client: string | null;
  scopes: string[];
  allowed_ips: string[];
  hash: Buffer;
  previous_hash: Buffer | null;
  previous_until: Date | null;
  expires_at: Date | null;
  last_used_at: Date | null;
  created_at: Date;
};

const COLUMNS = [
  'id',
  'name',
  'owner_user',
  'owner_client',
  'scopes',
  'allowed_ips',
  'previous_until',
  'expires_at',
  'last_used_at',
  'created_at',
] as const;

type Shown = Pick<Row, (typeof COLUMNS)[number]>;

type Owned = Pick<Row, 'owner_user' | 'owner_client'>;

export const ownerIn = ({ owner_user: userId, owner_client: clientId }: Owned): KeyOwner => {
  if (userId) return { kind: 'user', userId };
  return clientId === null ? null : { kind: 'client', clientId };
};

const toKey = (row: Shown): ApiKey => ({
  id: row.id,
  name: row.name,
  owner: ownerIn(row),
  scopes: row.scopes,
  allowedIps: row.allowed_ips,
  expiresAt: row.expires_at,
  overlapUntil: row.previous_until,
  lastUsedAt: row.last_used_at,
  createdAt: row.created_at,
});

export async function insert(
  { db, tenantId, now }: TenantCall,
  key: ApiKeyValues & { id: ApiKeyId; owner: KeyOwner; hash: Buffer },
): Promise<ApiKey> {
  const [row] = await db<Row>('api_keys')
    .insert({
      tenant_id: tenantId,
      id: key.id,
      name: key.name,
      owner_user: key.owner?.kind === 'user' ? key.owner.userId : null,
      owner_client: key.owner?.kind === 'client' ? key.owner.clientId : null,
      scopes: [...key.scopes],
      allowed_ips: [...key.allowedIps],
      hash: key.hash,
      expires_at: key.expiresAt,
      created_at: now,
    })
    .returning([...COLUMNS]);
  return toKey(row as Row);
}

/** Holds the tenant's row, so that keys are counted one at a time. */
export async function lockTenant({ db, tenantId }: TenantCall): Promise<void> {
  await db('tenants').where({ id: tenantId }).forNoKeyUpdate().first('id');
}

export async function count({ db, tenantId }: TenantCall): Promise<number> {
  const [row] = await db<Row>('api_keys').where({ tenant_id: tenantId }).count<{ count: string }[]>('* as count');
  return Number(row!.count);
}

/** A page of keys, the newest first, and how many there are in all. */
export async function list(
  { db, tenantId }: TenantCall,
  { userId }: { userId?: UserId | undefined },
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: ApiKey[]; total: number }> {
  const all = db<Row>('api_keys').where({ tenant_id: tenantId, ...(userId && { owner_user: userId }) });
  const [rows, total] = await Promise.all([
    all
      .clone()
      .orderBy('id', 'desc')
      .offset(offset)
      .limit(limit)
      .select(...COLUMNS),
    all.clone().count<{ count: string }[]>('* as count'),
  ]);
  return { items: rows.map(toKey), total: Number(total[0]!.count) };
}

/** Holds the row until the transaction ends. */
export async function lock({ db, tenantId }: TenantCall, id: ApiKeyId): Promise<ApiKey | undefined> {
  const row = await db<Row>('api_keys')
    .where({ tenant_id: tenantId, id })
    .forUpdate()
    .first(...COLUMNS);
  return row && toKey(row);
}

/** Puts another key in its place; the one that was there opens too until `until`. */
export async function replace(
  { db, tenantId }: TenantCall,
  id: ApiKeyId,
  { hash, until }: { hash: Buffer; until: Date },
): Promise<ApiKey> {
  const [row] = await db<Row>('api_keys')
    .where({ tenant_id: tenantId, id })
    .update({ hash, previous_hash: db.ref('hash'), previous_until: until } as object)
    .returning([...COLUMNS]);
  return toKey(row as Row);
}

export async function remove({ db, tenantId }: TenantCall, id: ApiKeyId): Promise<void> {
  await db<Row>('api_keys').where({ tenant_id: tenantId, id }).delete();
}

const FIND_LIVE = {
  name: 'live-api-key',
  text: `select tenant_id as "tenantId", scopes, allowed_ips as "allowedIps", hash, previous_hash as "previousHash",
    previous_until as "previousUntil", expires_at as "expiresAt", last_used_at as "lastUsedAt", owner_user, owner_client,
    roles, permissions from live_api_key($1)`,
};

/** A key whose tenant and owner are alive, and what the owner may do now. */
export type LiveApiKey = Owned & {
  tenantId: TenantId;
  scopes: string[];
  allowedIps: string[];
  hash: Buffer;
  previousHash: Buffer | null;
  previousUntil: Date | null;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  roles: string[];
  permissions: string[];
};

/** One look-up by the index. Opens row-level security by itself. */
export async function findLive({ db }: OperatorCall, id: ApiKeyId): Promise<LiveApiKey | undefined> {
  const [live] = await prepared<LiveApiKey>(db, FIND_LIVE, [id]);
  return live;
}

const TENANT = { name: 'api-key-tenant', text: `select set_config('gatehouse.tenant', $1, true)` };
const TOUCH = {
  name: 'api-key-touch',
  text: `update api_keys set last_used_at = $3 where tenant_id = $1 and id = (
    select id from api_keys where tenant_id = $1 and id = $2 and (last_used_at is null or last_used_at < $3)
      for no key update skip locked)`,
};

/** Notes a use, in a transaction of its own; waits for nobody who holds the row. */
export async function touch({ db, tenantId, now }: TenantCall, id: ApiKeyId): Promise<void> {
  await preparedTogether(db, [
    { statement: TENANT, values: [tenantId] },
    { statement: TOUCH, values: [tenantId, id, now] },
  ]);
}
