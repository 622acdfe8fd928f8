import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { ApiId, TenantId } from '../../kernel/ids.ts';
import type { Api, ApiValues } from './api.ts';

type Row = {
  tenant_id: TenantId;
  id: ApiId;
  identifier: string;
  name: string;
  scopes: string[];
  access_token_format: 'jwt' | 'opaque';
  signing_alg: 'RS256' | 'ES256';
  access_token_seconds: number;
  created_at: Date;
  updated_at: Date;
};

const COLUMNS = [
  'id',
  'identifier',
  'name',
  'scopes',
  'access_token_format',
  'signing_alg',
  'access_token_seconds',
  'created_at',
  'updated_at',
] as const;

const toApi = (row: Omit<Row, 'tenant_id'>): Api => ({
  id: row.id,
  identifier: row.identifier,
  name: row.name,
  scopes: row.scopes,
  accessTokenFormat: row.access_token_format,
  signingAlg: row.signing_alg,
  accessTokenSeconds: row.access_token_seconds,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const toColumns = (api: ApiValues) => ({
  identifier: api.identifier,
  name: api.name,
  scopes: [...api.scopes],
  access_token_format: api.accessTokenFormat,
  signing_alg: api.signingAlg,
  access_token_seconds: api.accessTokenSeconds,
});

export type OwnedApi = { tenantId: TenantId; api: Api };

/** Writes APIs of any tenants whose identifier is free there, and returns those. One statement. */
export async function insert(
  { db, now }: OperatorCall,
  apis: readonly (ApiValues & { tenantId: TenantId; id: ApiId })[],
): Promise<OwnedApi[]> {
  const rows = await db<Row>('apis')
    .insert(
      apis.map((api) => ({ tenant_id: api.tenantId, id: api.id, ...toColumns(api), created_at: now, updated_at: now })),
    )
    .onConflict(['tenant_id', 'identifier'])
    .ignore()
    .returning(['tenant_id', ...COLUMNS]);
  return rows.map((row) => ({ tenantId: row.tenant_id, api: toApi(row) }));
}

export async function find({ db, tenantId }: TenantCall, id: ApiId): Promise<Api | undefined> {
  const row = await db<Row>('apis')
    .where({ tenant_id: tenantId, id })
    .first(...COLUMNS);
  return row && toApi(row);
}

export async function findByIdentifier({ db, tenantId }: TenantCall, identifier: string): Promise<Api | undefined> {
  const row = await db<Row>('apis')
    .where({ tenant_id: tenantId, identifier })
    .first(...COLUMNS);
  return row && toApi(row);
}

/** Like `find`, and holds the row until the transaction ends. */
export async function lock({ db, tenantId }: TenantCall, id: ApiId): Promise<Api | undefined> {
  const row = await db<Row>('apis')
    .where({ tenant_id: tenantId, id })
    .forUpdate()
    .first(...COLUMNS);
  return row && toApi(row);
}

export async function list({ db, tenantId }: TenantCall): Promise<Api[]> {
  const rows = await db<Row>('apis')
    .where({ tenant_id: tenantId })
    .orderBy('identifier')
    .select(...COLUMNS);
  return rows.map(toApi);
}

/** All APIs of several tenants, by tenant and identifier. */
export async function listOf({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<OwnedApi[]> {
  const rows = await db<Row>('apis')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .orderBy(['tenant_id', 'identifier'])
    .select('tenant_id', ...COLUMNS);
  return rows.map((row) => ({ tenantId: row.tenant_id, api: toApi(row) }));
}

export async function update({ db, tenantId, now }: TenantCall, id: ApiId, values: ApiValues): Promise<Api> {
  const [row] = await db<Row>('apis')
    .where({ tenant_id: tenantId, id })
    .update({ ...toColumns(values), updated_at: now } as object)
    .returning([...COLUMNS]);
  return toApi(row as Row);
}

/** Whether there was one. */
export async function remove({ db, tenantId }: TenantCall, id: ApiId): Promise<boolean> {
  return (await db<Row>('apis').where({ tenant_id: tenantId, id }).delete()) === 1;
}
