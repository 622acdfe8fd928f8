import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import { type OwnSettings, withDefaults } from './settings.ts';
import type { NewTenant, Tenant, TenantDomain, TenantStatus, TenantType } from './tenant.ts';

type Row = {
  id: TenantId;
  slug: string;
  name: string;
  type: TenantType;
  country: string | null;
  status: TenantStatus;
  settings: OwnSettings;
  created_at: Date;
  updated_at: Date;
};
type DomainRow = { tenant_id: TenantId; domain: string; verified_at: Date | null };

const COLUMNS = ['id', 'slug', 'name', 'type', 'country', 'status', 'settings', 'created_at', 'updated_at'] as const;
const DOMAIN_COLUMNS = ['tenant_id', 'domain', 'verified_at'] as const;

const toTenant = (row: Row): Tenant => ({
  id: row.id,
  slug: row.slug,
  name: row.name,
  type: row.type,
  country: row.country,
  status: row.status,
  settings: withDefaults(row.settings),
  ownSettings: row.settings,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});
const toDomain = (row: DomainRow): TenantDomain => ({ domain: row.domain, verifiedAt: row.verified_at });

/** Writes tenants whose slug is free, and returns those; the others are left out. One statement. */
export async function insert(
  { db, now }: OperatorCall,
  tenants: readonly (NewTenant & { id: TenantId })[],
): Promise<Tenant[]> {
  const rows = await db<Row>('tenants')
    .insert(
      tenants.map(({ ownSettings, ...tenant }) => ({
        ...tenant,
        settings: JSON.stringify(ownSettings) as unknown as OwnSettings,
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
    if (status) where.where({ status });
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

export async function update(
  { db, tenantId, now }: TenantCall,
  values: {
    name?: string;
    type?: TenantType;
    country?: string | null;
    status?: TenantStatus;
    ownSettings?: OwnSettings;
  },
): Promise<Tenant> {
  const { ownSettings, ...columns } = values;
  const settings = ownSettings === undefined ? {} : { settings: JSON.stringify(ownSettings) as unknown as OwnSettings };
  const [row] = await db<Row>('tenants')
    .where({ id: tenantId })
    .update({ ...columns, ...settings, updated_at: now })
    .returning([...COLUMNS]);
  return toTenant(row as Row);
}

export async function listDomains({ db, tenantId }: TenantCall): Promise<TenantDomain[]> {
  const rows = await db<DomainRow>('tenant_domains')
    .where({ tenant_id: tenantId })
    .orderBy('domain')
    .select(...DOMAIN_COLUMNS);
  return rows.map(toDomain);
}

/** The domains of several tenants, in order. */
export async function domainsOf(
  { db }: OperatorCall,
  tenantIds: readonly TenantId[],
): Promise<(TenantDomain & { tenantId: TenantId })[]> {
  const rows = await db<DomainRow>('tenant_domains')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .orderBy(['tenant_id', 'domain'])
    .select(...DOMAIN_COLUMNS);
  return rows.map((row) => ({ ...toDomain(row), tenantId: row.tenant_id }));
}

/** Claims domains; one that a tenant has claimed already stays as it is. One statement. */
export async function insertDomains(
  { db, now }: OperatorCall,
  domains: readonly { tenantId: TenantId; domain: string; verified: boolean }[],
): Promise<void> {
  await db('tenant_domains')
    .insert(
      domains.map(({ tenantId, domain, verified }) => ({
        tenant_id: tenantId,
        domain,
        verified_at: verified ? now : null,
        created_at: now,
      })),
    )
    .onConflict(['tenant_id', 'domain'])
    .ignore();
}

/** Whether there was such a claim. */
export async function verifyDomain({ db, tenantId, now }: TenantCall, domain: string): Promise<boolean> {
  const count = await db<DomainRow>('tenant_domains')
    .where({ tenant_id: tenantId, domain })
    .update({ verified_at: now });
  return count === 1;
}

/** Whether there was such a claim. */
export async function removeDomain({ db, tenantId }: TenantCall, domain: string): Promise<boolean> {
  return (await db<DomainRow>('tenant_domains').where({ tenant_id: tenantId, domain }).delete()) === 1;
}
