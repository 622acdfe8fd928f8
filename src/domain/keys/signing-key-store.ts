import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId } from '../../kernel/ids.ts';
import type { Jwk, SigningAlg, SigningKeyStatus } from './signing-key.ts';

export type SealedSigningKey = {
  kid: string;
  alg: SigningAlg;
  status: SigningKeyStatus;
  publicJwk: Jwk;
  sealed: Buffer | null;
  createdAt: Date;
  activatedAt?: Date | undefined;
  retiredAt?: Date | undefined;
};

type Row = {
  kid: string;
  alg: SigningAlg;
  status: SigningKeyStatus;
  public_jwk: Jwk;
  sealed: Buffer | null;
  created_at: Date;
  activated_at: Date | null;
  retired_at: Date | null;
};
const COLUMNS = ['kid', 'alg', 'status', 'public_jwk', 'sealed', 'created_at', 'activated_at', 'retired_at'] as const;

const toKey = (row: Row): SealedSigningKey => ({
  kid: row.kid,
  alg: row.alg,
  status: row.status,
  publicJwk: row.public_jwk,
  sealed: row.sealed,
  createdAt: row.created_at,
  activatedAt: row.activated_at ?? undefined,
  retiredAt: row.retired_at ?? undefined,
});

/** All published keys of the tenant, those that sign first. */
export async function list({ db, tenantId }: TenantCall): Promise<SealedSigningKey[]> {
  const rows: Row[] = await db('signing_keys')
    .where({ tenant_id: tenantId })
    .orderByRaw(`array_position(array['active', 'next', 'retired'], status), created_at desc, kid`)
    .select(...COLUMNS);
  return rows.map(toKey);
}

/** Holds the tenant's row until the transaction ends: keys are made and turned by one at a time. */
export async function lockTenant({ db, tenantId }: TenantCall): Promise<void> {
  await db('tenants').where({ id: tenantId }).forUpdate().first('id');
}

export async function add({ db, tenantId, now }: TenantCall, key: Omit<SealedSigningKey, 'createdAt'>): Promise<void> {
  await db('signing_keys').insert({
    tenant_id: tenantId,
    kid: key.kid,
    alg: key.alg,
    status: key.status,
    public_jwk: JSON.stringify(key.publicJwk),
    sealed: key.sealed,
    created_at: now,
    activated_at: key.activatedAt ?? null,
  });
}

/** The key signs no more, and can never again. */
export async function retire({ db, tenantId, now }: TenantCall, alg: SigningAlg): Promise<void> {
  await db('signing_keys')
    .where({ tenant_id: tenantId, alg, status: 'active' })
    .update({ status: 'retired', sealed: null, retired_at: now });
}

export async function activate({ db, tenantId, now }: TenantCall, kid: string): Promise<void> {
  await db('signing_keys')
    .where({ tenant_id: tenantId, kid, status: 'next' })
    .update({ status: 'active', activated_at: now });
}

export async function removeRetired({ db, tenantId }: TenantCall, before: Date): Promise<number> {
  return db('signing_keys').where({ tenant_id: tenantId, status: 'retired' }).where('retired_at', '<', before).delete();
}

export async function remove({ db, tenantId }: TenantCall, kid: string): Promise<number> {
  return db('signing_keys').where({ tenant_id: tenantId, kid }).delete();
}

/** Tenants with a key that is due: to be replaced, to be activated, or to be taken down. */
export async function tenantsDue(
  { db }: OperatorCall,
  due: { activeBefore: Date; nextBefore: Date; retiredBefore: Date },
  limit: number,
): Promise<TenantId[]> {
  return db('signing_keys')
    .distinct('tenant_id')
    .where((any) =>
      any
        .where((old) => old.where({ status: 'active' }).where('activated_at', '<', due.activeBefore))
        .orWhere((ready) => ready.where({ status: 'next' }).where('created_at', '<', due.nextBefore))
        .orWhere((dead) => dead.where({ status: 'retired' }).where('retired_at', '<', due.retiredBefore)),
    )
    .limit(limit)
    .pluck('tenant_id');
}
