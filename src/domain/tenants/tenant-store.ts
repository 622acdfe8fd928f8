import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { type OwnSettings, withDefaults } from './settings.ts';
import type { NewTenant, Tenant, TenantConfig, TenantStatus, TenantType } from './tenant.ts';

type Row = {
  id: TenantId;
  slug: string;
  name: string;
  type: TenantType;
  country: string | null;
  status: TenantStatus;
  settings: OwnSettings;
  config: TenantConfig;
  deleted_at: Date | null;
  restores_to: 'active' | 'suspended' | null;
  created_at: Date;
  updated_at: Date;
};

const COLUMNS = [
  ...(['id', 'slug', 'name', 'type', 'country', 'status', 'settings', 'config'] as const),
  ...(['deleted_at', 'restores_to', 'created_at', 'updated_at'] as const),
];

const toTenant = (row: Row): Tenant => ({
  id: row.id,
  slug: row.slug,
  name: row.name,
  type: row.type,
  country: row.country,
  status: row.status,
  settings: withDefaults(row.settings),
  ownSettings: row.settings,
  config: row.config,
  deletedAt: row.deleted_at,
  restoresTo: row.restores_to,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Writes tenants whose slug is free, and returns those; the others are left out. One statement. */
export async function insert(
  { db, now }: OperatorCall,
  tenants: readonly (NewTenant & { id: TenantId })[],
): Promise<Tenant[]> {
  const rows = await db<Row>('tenants')
    .insert(
      tenants.map(({ ownSettings, config, ...tenant }) => ({
        ...tenant,
        settings: JSON.stringify(ownSettings) as unknown as OwnSettings,
        config: JSON.stringify(config) as unknown as TenantConfig,
        created_at: now,
        updated_at: now,
      })),
    )
    .onConflict()
    .ignore()
    .returning([...COLUMNS]);
  return rows.map(toTenant);
}

export async function find({ db }: OperatorCall, id: TenantId): Promise<Tenant | undefined> {
  const row = await db<Row>('tenants')
    .where({ id })
    .first(...COLUMNS);
  return row && toTenant(row);
}

export async function findPlatform({ db }: OperatorCall): Promise<Tenant | undefined> {
  const row = await db<Row>('tenants')
    .where({ type: 'platform' })
    .first(...COLUMNS);
  return row && toTenant(row);
}

/** Those that exist of the named ones; `lock` holds them until the transaction ends. */
export async function findBySlugs(
  { db }: OperatorCall,
  slugs: readonly string[],
  { lock = false } = {},
): Promise<Tenant[]> {
  const query = db<Row>('tenants')
    .whereRaw('slug = any(?::text[])', [[...slugs]])
    .orderBy('slug')
    .select(...COLUMNS);
  return (await (lock ? query.forNoKeyUpdate() : query)).map(toTenant);
}

export type TenantFilter = {
  type?: TenantType | undefined;
  status?: TenantStatus | undefined;
  search?: string | undefined;
};

/** A page of tenants by slug, and how many there are in all. */
export async function list(
  { db }: OperatorCall,
  { type, status, search }: TenantFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: Tenant[]; total: number }> {
  const filtered = db<Row>('tenants').where((where) => {
    if (type) where.where({ type });
    // Who asks for nothing in particular asks for those that are there.
    if (status) where.where({ status });
    else where.whereNot({ status: 'deleted' });
    if (search) where.whereRaw(`(slug ilike :like escape '\\' or name ilike :like escape '\\')`, { like: search });
  });
  const [rows, count] = await Promise.all([
    filtered
      .clone()
      .orderBy('slug')
      .offset(offset)
      .limit(limit)
      .select(...COLUMNS),
    filtered.clone().count<{ count: string }[]>('* as count'),
  ]);
  return { items: rows.map(toTenant), total: Number(count[0]!.count) };
}

/** Slugs after `after`, in order: every tenant, a batch at a time. */
export async function slugsAfter({ db }: OperatorCall, after: string, limit: number): Promise<string[]> {
  return db<Row>('tenants')
    .where('slug', '>', after)
    .whereNot({ status: 'deleted' })
    .orderBy('slug')
    .limit(limit)
    .pluck('slug');
}

/** Holds the call's tenant until the transaction ends. */
export async function lock({ db, tenantId }: TenantCall): Promise<Tenant | undefined> {
  const row = await db<Row>('tenants')
    .where({ id: tenantId })
    .forNoKeyUpdate()
    .first(...COLUMNS);
  return row && toTenant(row);
}

export type TenantValues = Partial<Omit<Tenant, 'id' | 'settings' | 'createdAt' | 'updatedAt'>>;

/** A unique index refuses a slug that another tenant has or had. */
export async function update({ db, tenantId, now }: TenantCall, values: TenantValues): Promise<Tenant> {
  const { ownSettings, config, deletedAt, restoresTo, ...columns } = values;
  const [row] = await db('tenants')
    .where({ id: tenantId })
    .update({
      ...columns,
      ...(ownSettings && { settings: JSON.stringify(ownSettings) }),
      ...(config && { config: JSON.stringify(config) }),
      ...(deletedAt !== undefined && { deleted_at: deletedAt }),
      ...(restoresTo !== undefined && { restores_to: restoresTo }),
      updated_at: now,
    })
    .returning<Row[]>([...COLUMNS]);
  return toTenant(row as Row);
}

/** How many users each of several tenants has who are not gone for good; none where a tenant is not there. */
export async function userCounts({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<Map<TenantId, number>> {
  const rows = await db('user_counts')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .groupBy('tenant_id')
    .select<{ tenant_id: TenantId; users: string }[]>('tenant_id', db.raw('sum(users) as users'));
  return new Map(rows.map((row) => [row.tenant_id, Number(row.users)]));
}
