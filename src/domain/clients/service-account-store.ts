import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import type { ServiceAccount } from './service-account.ts';

type Row = {
  tenant_id: TenantId;
  client_id: string;
  description: string | null;
  name: string;
  status: 'active' | 'disabled';
  api_scopes: string[] | null;
  permissions: string[] | null;
  created_at: Date;
};

const toAccount = (row: Row): ServiceAccount => ({
  clientId: row.client_id,
  tenantId: row.tenant_id,
  name: row.name,
  description: row.description,
  status: row.status,
  scopes: [...new Set([...(row.api_scopes ?? []), ...(row.permissions ?? [])])].sort(),
  createdAt: row.created_at,
});

const accounts = ({ db }: OperatorCall) =>
  db('service_accounts as s')
    .join('clients as c', (on) => on.on('c.tenant_id', 's.tenant_id').andOn('c.client_id', 's.client_id'))
    // The role that says what it may do, as long as nobody has taken it away.
    .leftJoin('client_roles as g', (on) => on.on('g.tenant_id', 's.tenant_id').andOn('g.client_id', 's.client_id'))
    .leftJoin('roles as r', (on) =>
      on.on('r.tenant_id', 'g.tenant_id').andOn('r.id', 'g.role_id').andOn('r.name', 's.client_id'),
    );

const COLUMNS = {
  tenant_id: 's.tenant_id',
  client_id: 's.client_id',
  description: 's.description',
  name: 'c.name',
  status: 'c.status',
  api_scopes: 'c.api_scopes',
  created_at: 'c.created_at',
};

export async function insert(
  { db, tenantId }: TenantCall,
  { clientId, description }: Pick<ServiceAccount, 'clientId' | 'description'>,
): Promise<void> {
  await db('service_accounts').insert({ tenant_id: tenantId, client_id: clientId, description });
}

/** A page of the service accounts of all tenants, the newest first, and how many there are in all. */
export async function list(
  call: OperatorCall,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: ServiceAccount[]; total: number }> {
  const [rows, count] = await Promise.all([
    accounts(call)
      .groupBy(Object.values(COLUMNS))
      .orderByRaw('s.client_id collate "C" desc')
      .offset(offset)
      .limit(limit)
      .select<Row[]>(COLUMNS, call.db.raw('max(r.permissions) as permissions')),
    call.db('service_accounts').count<{ count: string }[]>('* as count'),
  ]);
  return { items: rows.map(toAccount), total: Number(count[0]!.count) };
}

/** Whose service account it is. */
export async function tenantOf({ db }: OperatorCall, clientId: string): Promise<TenantId | undefined> {
  const row = await db('service_accounts').where({ client_id: clientId }).first<{ tenant_id: TenantId }>('tenant_id');
  return row?.tenant_id;
}
