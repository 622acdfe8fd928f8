import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId, UserId } from '../../kernel/ids.ts';

/** Puts a letter into the outbox; it leaves after the caller's transaction, or never. `user`: whose it is, where that is known. */
export async function add(
  { db, tenantId, now }: TenantCall,
  id: string,
  sealed: Buffer,
  user: UserId | undefined,
): Promise<void> {
  const payload = JSON.stringify({ sealed: sealed.toString('base64url'), user });
  await db('outbox').insert({ tenant_id: tenantId, id, kind: 'mail', payload, created_at: now, due_at: now });
}

/** Whom letters to a user go to. */
export type Reader = {
  email: string;
  firstName: string | null;
  lastName: string | null;
  locale: string | null;
  timezone: string | null;
};

type Row = {
  tenant_id: string;
  id: string;
  email: string;
  first_name: string | null;
  last_name: string | null;
  locale: string | null;
  timezone: string | null;
  erased_at: Date | null;
};

/** Nobody, for who was erased. */
export async function findReader({ db, tenantId }: TenantCall, userId: UserId): Promise<Reader | undefined> {
  const row = await db<Row>('users')
    .where({ tenant_id: tenantId, id: userId, erased_at: null })
    .first('email', 'first_name', 'last_name', 'locale', 'timezone');
  if (!row) return undefined;
  const { email, first_name: firstName, last_name: lastName, locale, timezone } = row;
  return { email, firstName, lastName, locale, timezone };
}

/** A letter's row in the outbox, and how far it has come. */
export type QueuedLetter = {
  tenantId: TenantId;
  id: string;
  payload: Record<string, unknown>;
  createdAt: Date;
  attempts: number;
  lastError: string | undefined;
  deliveredAt: Date | undefined;
  deadAt: Date | undefined;
};

type QueuedRow = {
  tenant_id: TenantId;
  id: string;
  payload: Record<string, unknown>;
  created_at: Date;
  attempts: number;
  last_error: string | null;
  delivered_at: Date | null;
  dead_at: Date | null;
};

const QUEUED = [
  'tenant_id',
  'id',
  'payload',
  'created_at',
  'attempts',
  'last_error',
  'delivered_at',
  'dead_at',
] as const;

const toQueued = (row: QueuedRow): QueuedLetter => ({
  tenantId: row.tenant_id,
  id: row.id,
  payload: row.payload,
  createdAt: row.created_at,
  attempts: row.attempts,
  lastError: row.last_error ?? undefined,
  deliveredAt: row.delivered_at ?? undefined,
  deadAt: row.dead_at ?? undefined,
});

/** Letters of a tenant that have not arrived, the newest first: those that are tried again, and those given up lately. */
export async function listUndelivered(
  { db, tenantId }: TenantCall,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ rows: QueuedLetter[]; total: number }> {
  const undelivered = () => db('outbox').where({ tenant_id: tenantId, kind: 'mail' }).whereNull('delivered_at');
  const counted = await undelivered().count('* as total').first();
  const rows: QueuedRow[] = await undelivered()
    .orderBy('id', 'desc')
    .offset(offset)
    .limit(limit)
    .select(...QUEUED);
  return { rows: rows.map(toQueued), total: Number(counted?.['total'] ?? 0) };
}

/** The newest letters of all tenants. No index serves it: for development. */
export async function listLatest({ db }: OperatorCall, limit: number): Promise<QueuedLetter[]> {
  const rows: QueuedRow[] = await db('outbox')
    .where({ kind: 'mail' })
    .orderBy('id', 'desc')
    .limit(limit)
    .select(...QUEUED);
  return rows.map(toQueued);
}
