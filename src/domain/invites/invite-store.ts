import { inOperatorTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import type { InviteId, NodeId, TenantId, UserId } from '../../kernel/ids.ts';
import type { Invite, Inviter } from './invite.ts';

type Row = {
  id: InviteId;
  email: string;
  email_canonical: string;
  user_id: UserId;
  roles: string[];
  node_id: NodeId | null;
  inviter_kind: Inviter['kind'];
  inviter_id: string;
  created_at: Date;
  expires_at: Date;
};

const COLUMNS = [
  'id',
  'email',
  'email_canonical',
  'user_id',
  'roles',
  'node_id',
  'inviter_kind',
  'inviter_id',
  'created_at',
  'expires_at',
] as const;

const toInvite = (row: Row): Invite => ({
  id: row.id,
  email: row.email,
  emailCanonical: row.email_canonical,
  userId: row.user_id,
  roles: row.roles,
  nodeId: row.node_id,
  inviter: { kind: row.inviter_kind, id: row.inviter_id },
  createdAt: row.created_at,
  expiresAt: row.expires_at,
});

/** Puts an invite down in the place of an earlier one for the same address. */
export async function put(
  { db, tenantId, now }: TenantCall,
  {
    inviter,
    emailCanonical,
    userId,
    nodeId,
    expiresAt,
    roles,
    ...invite
  }: Omit<Invite, 'createdAt'> & { hash: Buffer },
): Promise<Invite> {
  const [row] = await db('invites')
    .insert({
      ...invite,
      tenant_id: tenantId,
      email_canonical: emailCanonical,
      user_id: userId,
      roles: [...roles],
      node_id: nodeId,
      inviter_kind: inviter.kind,
      inviter_id: inviter.id,
      created_at: now,
      expires_at: expiresAt,
    })
    .onConflict(['tenant_id', 'email_canonical'])
    .merge()
    .returning<Row[]>([...COLUMNS]);
  return toInvite(row as Row);
}

export async function remove({ db, tenantId }: TenantCall, id: InviteId): Promise<Invite | undefined> {
  const [row] = await db('invites')
    .where({ tenant_id: tenantId, id })
    .delete()
    .returning<Row[]>([...COLUMNS]);
  return row && toInvite(row);
}

/** A page of the tenant's invites, the newest first. */
export async function list(
  { db, tenantId }: TenantCall,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: Invite[]; total: number }> {
  const all = db('invites').where({ tenant_id: tenantId });
  const [rows, count] = await Promise.all([
    all
      .clone()
      .orderBy([
        { column: 'created_at', order: 'desc' },
        { column: 'id', order: 'desc' },
      ])
      .offset(offset)
      .limit(limit)
      .select<Row[]>(...COLUMNS),
    all.clone().count<{ count: string }[]>('* as count'),
  ]);
  return { items: rows.map(toInvite), total: Number(count[0]!.count) };
}

/** The live invite of a link; nothing happens to it. */
export async function findByHash({ db, tenantId, now }: TenantCall, hash: Buffer): Promise<Invite | undefined> {
  const row: Row | undefined = await db('invites')
    .where({ tenant_id: tenantId, hash })
    .andWhere('expires_at', '>', now)
    .first(...COLUMNS);
  return row && toInvite(row);
}

/** Uses a live invite up. Of several who try at once, one gets it; all others, and everyone later, get nothing. */
export async function consume({ db, tenantId, now }: TenantCall, hash: Buffer): Promise<Invite | undefined> {
  const [row] = await db('invites')
    .where({ tenant_id: tenantId, hash })
    .andWhere('expires_at', '>', now)
    .delete()
    .returning<Row[]>([...COLUMNS]);
  return row && toInvite(row);
}

export async function tenantOf({ db }: OperatorCall, hash: Buffer): Promise<TenantId | undefined> {
  return db.transaction(async (tx) => {
    const { rows } = await tx.raw<{ rows: { t: TenantId | null }[] }>('select tenant_of_invite(?) as t', [hash]);
    return rows[0]?.t ?? undefined;
  });
}

/** Whether whoever has invited may still act here at all; what they may do is another question. */
export async function isInviterActive({ db, tenantId }: TenantCall, { kind, id }: Inviter): Promise<boolean> {
  if (kind === 'system') return true;
  const query =
    kind === 'user'
      ? db('users').where({ tenant_id: tenantId, id, status: 'active' })
      : db('clients').where({ tenant_id: tenantId, client_id: id, status: 'active' });
  return (await query.first('tenant_id')) !== undefined;
}

/** The name of a user as a letter may tell it. */
export async function nameOf(
  { db, tenantId }: TenantCall,
  userId: UserId,
): Promise<{ firstName: string | null; lastName: string | null } | undefined> {
  return db('users')
    .where({ tenant_id: tenantId, id: userId })
    .first({ firstName: 'first_name', lastName: 'last_name' });
}

/** Removes what ended before an instant in any tenant, `limit` rows at most. @returns how many went */
export async function removeEnded(call: OperatorCall, before: Date, limit: number): Promise<number> {
  return inOperatorTransaction(call, async ({ db }) => {
    const ended = db('invites').where('expires_at', '<=', before).limit(limit).select('tenant_id', 'id');
    return db('invites').whereIn(['tenant_id', 'id'], ended.forUpdate().skipLocked()).delete();
  });
}
