import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';

/** Puts a wish into the outbox: who it is about is looked up later, by nobody's clock. */
export async function addWish({ db, tenantId, now }: TenantCall, id: string, sealed: Buffer): Promise<void> {
  const payload = JSON.stringify({ sealed: sealed.toString('base64url') });
  await db('outbox').insert({ tenant_id: tenantId, id, kind: 'recovery', payload, created_at: now, due_at: now });
}

/** What was carried out needs to know no more whom it was about. */
export async function emptyWish({ db, tenantId }: TenantCall, id: string): Promise<void> {
  await db('outbox').where({ tenant_id: tenantId, id, kind: 'recovery' }).update({ payload: '{}' });
}

/** Holds a user's row until the transaction ends. */
export async function lockUser({ db, tenantId }: TenantCall, userId: UserId): Promise<void> {
  await db('users').where({ tenant_id: tenantId, id: userId }).forNoKeyUpdate().first('id');
}

export type Owner = { tenantId: TenantId; userId: UserId; email: string };

type Row = {
  tenant_id: TenantId;
  tenant_active: boolean;
  user_id: UserId | null;
  email: string;
  status: string;
  hash: string | null;
};

const COLUMNS = 'tenant_id, tenant_active, user_id, email, status, hash';

/** Those who may set a password by letter: who can sign in, and has one. */
const toOwners = (rows: readonly Row[]): Owner[] =>
  rows.flatMap(({ tenant_id: tenantId, tenant_active: isOpen, user_id: userId, email, status, hash }) =>
    isOpen && userId !== null && status === 'active' && hash !== null ? [{ tenantId, userId, email }] : [],
  );

/** The owner of an e-mail address or user name in the call's tenant, if there is one. */
export async function findOwner(
  { db, tenantId }: TenantCall,
  { email = null, username = null }: { email?: string | null; username?: string | null },
): Promise<Owner[]> {
  const { rows } = await db.raw<{ rows: Row[] }>(`select ${COLUMNS} from sign_in_account(?, ?, ?)`, [
    tenantId,
    email,
    username,
  ]);
  return toOwners(rows);
}

/** The owners of an e-mail address in all active tenants, the oldest first. */
export async function findOwnersAnywhere({ db }: OperatorCall, email: string | null, most: number): Promise<Owner[]> {
  const { rows } = await db.raw<{ rows: Row[] }>(`select ${COLUMNS} from sign_in_candidates(?, ?)`, [email, most]);
  return toOwners(rows);
}

/** How the tenant is called. */
export async function tenantName({ db, tenantId }: TenantCall): Promise<string> {
  const [name] = await db('tenants').where({ id: tenantId }).pluck('name');
  return name;
}
