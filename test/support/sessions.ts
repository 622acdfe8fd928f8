import { randomBytes } from 'node:crypto';
import { inTransaction, type TenantCall } from '../../src/kernel/call.ts';
import { type DeliveryId, newId, type SessionId, type UserId } from '../../src/kernel/ids.ts';

/** What a session in a test is; times in seconds before now. */
export type SessionFacts = {
  /** Applications that it gave something. */
  clients?: readonly string[];
  /** Applications that only asked. */
  asked?: readonly string[];
  /** Applications whose grant outlives it. */
  offline?: readonly string[];
  begunAgo?: number;
  seenAgo?: number;
  /** Until it ends. */
  endsIn?: number;
  userAgent?: string;
};

/** A session of a user with the grants that hang on it, as the core keeps them. */
export async function aSession(call: TenantCall, userId: UserId | null, facts: SessionFacts = {}): Promise<SessionId> {
  const { clients = [], asked = [], offline = [], begunAgo = 0, seenAgo = begunAgo, endsIn = 3_600 } = facts;
  const { db, tenantId } = call;
  const uid = newId<SessionId>();
  const at = (seconds: number) => new Date(Date.now() + seconds * 1000);
  const authorizations: Record<string, object> = {};
  for (const clientId of [...clients, ...offline]) {
    const grantId = newId<string>();
    const grant = { tenant_id: tenantId, id: grantId, account_id: userId, client_id: clientId, payload: {} };
    await db('oidc_grant').insert({ ...grant, expires_at: at(86_400) });
    authorizations[clientId] = { sid: `${clientId}-${uid}`, grantId, persistsLogout: offline.includes(clientId) };
  }
  for (const clientId of asked) authorizations[clientId] = { sid: `${clientId}-${uid}` };
  const loginTs = Math.floor(at(-begunAgo).getTime() / 1000);
  await db('oidc_session').insert({
    ...{ tenant_id: tenantId, uid, id_hash: randomBytes(32), account_id: userId, ip: '192.0.2.7' },
    payload: { accountId: userId, uid, loginTs, amr: ['pwd'], iss: 'https://id.test', authorizations },
    ...{ user_agent: facts.userAgent ?? 'Browser/1', created_at: at(-begunAgo), seen_at: at(-seenAgo) },
    expires_at: at(endsIn),
  });
  return uid;
}

export type Owed = { id: string; clientId: string; accountId: string; sid: string; iss: string };

/** The logouts that a tenant owes relying parties, the oldest first. */
export async function owedLogouts({ db, tenantId }: TenantCall): Promise<Owed[]> {
  const rows = await db('outbox')
    .where({ tenant_id: tenantId, kind: 'backchannel-logout' })
    .orderBy('id')
    .select<{ id: string; payload: Owed }[]>('id', 'payload');
  return rows.map(({ id, payload }) => ({ ...payload, id }));
}

export type EndedLine = {
  target: string;
  actorKind: string;
  actorId: string | null;
  ip: string | null;
  details: object;
};

/** What the audit trail says of ended sessions, the oldest first. */
export const endedLines = (call: TenantCall): Promise<EndedLine[]> =>
  inTransaction(call, ({ db, tenantId }) =>
    db('audit_events')
      .where({ tenant_id: tenantId, action: 'session.ended' })
      .orderBy('id')
      .select('resource_id as target', 'actor_kind as actorKind', 'actor_id as actorId', 'ip', 'details'),
  );

/** Does what the tenant's sweeps say, as the outbox would; gives how many there were. */
export async function sweep(
  call: TenantCall,
  run: (call: TenantCall, sweep: never, signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const rows = await call
    .db('outbox')
    .where({ tenant_id: call.tenantId, kind: 'session-sweep' })
    .whereNull('delivered_at')
    .orderBy('id')
    .select('id', 'payload', 'created_at');
  for (const { id, payload, created_at: since } of rows) {
    await run(call, { ...payload, since } as never, new AbortController().signal);
    await call.db('outbox').where({ tenant_id: call.tenantId, id }).update({ delivered_at: new Date() });
  }
  return rows.length;
}

/** A logout that some relying party is owed; times in seconds before now. */
export async function aDelivery(
  { db, tenantId }: TenantCall,
  how: {
    clientId?: string;
    dueIn?: number;
    age?: number;
    deadAgo?: number;
    deliveredAgo?: number;
    error?: string;
  } = {},
): Promise<DeliveryId> {
  const id = newId<DeliveryId>();
  const ago = (seconds: number | undefined) => (seconds === undefined ? null : new Date(Date.now() - seconds * 1000));
  const clientId = how.clientId ?? 'mail';
  const payload = { clientId, accountId: newId<UserId>(), sid: 's', iss: null, client: {} };
  const lane = db.raw('md5(?)::uuid', [`logout:${clientId}`]);
  await db('outbox').insert({
    ...{
      tenant_id: tenantId,
      id,
      kind: 'backchannel-logout',
      lane,
      payload,
      attempts: 1,
      last_error: how.error ?? null,
    },
    ...{ created_at: ago(how.age ?? 0), due_at: ago(-(how.dueIn ?? 3_600)) },
    ...{ dead_at: ago(how.deadAgo), delivered_at: ago(how.deliveredAgo) },
  });
  return id;
}
