import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import type { TenantDomain } from './tenant.ts';

type Row = { tenant_id: TenantId; domain: string; verified_at: Date | null; proof: string };
const COLUMNS = ['tenant_id', 'domain', 'verified_at', 'proof'] as const;

const toDomain = (row: Row): TenantDomain => ({
  domain: row.domain,
  verifiedAt: row.verified_at,
  proof: row.proof,
});

export async function list({ db, tenantId }: TenantCall): Promise<TenantDomain[]> {
  const rows = await db<Row>('tenant_domains')
    .where({ tenant_id: tenantId })
    .orderBy('domain')
    .select(...COLUMNS);
  return rows.map(toDomain);
}

/** The domains of several tenants, in order. */
export async function domainsOf(
  { db }: OperatorCall,
  tenantIds: readonly TenantId[],
): Promise<(TenantDomain & { tenantId: TenantId })[]> {
  const rows = await db<Row>('tenant_domains')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .orderBy(['tenant_id', 'domain'])
    .select(...COLUMNS);
  return rows.map((row) => ({ ...toDomain(row), tenantId: row.tenant_id }));
}

/** Claims domains; one that a tenant has claimed already stays as it is. One statement. */
export async function insert(
  { db, now }: OperatorCall,
  domains: readonly { tenantId: TenantId; domain: string; verified: boolean; proof: string }[],
): Promise<void> {
  await db('tenant_domains')
    .insert(
      domains.map(({ tenantId, domain, verified, proof }) => ({
        tenant_id: tenantId,
        domain,
        proof,
        verified_at: verified ? now : null,
        created_at: now,
      })),
    )
    .onConflict(['tenant_id', 'domain'])
    .ignore();
}

/** Whether there was such a claim. */
export async function verify({ db, tenantId, now }: TenantCall, domain: string): Promise<boolean> {
  const count = await db<Row>('tenant_domains').where({ tenant_id: tenantId, domain }).update({ verified_at: now });
  return count === 1;
}

/** Whether there was such a claim. */
export async function remove({ db, tenantId }: TenantCall, domain: string): Promise<boolean> {
  return (await db<Row>('tenant_domains').where({ tenant_id: tenantId, domain }).delete()) === 1;
}

/** Takes a domain from tenants that are deleted: they keep their claim, and who has the domain now can prove it. */
export async function takeFromDeleted({ db }: OperatorCall, domain: string): Promise<void> {
  await db<Row>('tenant_domains')
    .where({ domain })
    .whereNotNull('verified_at')
    .whereIn('tenant_id', (deleted) => deleted.from('tenants').where({ status: 'deleted' }).select('id'))
    .update({ verified_at: null });
}
