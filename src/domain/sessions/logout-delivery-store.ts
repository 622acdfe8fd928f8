import type { TenantCall } from '../../kernel/call.ts';
import type { DeliveryId, UserId } from '../../kernel/ids.ts';
import type { DeliveryState, LogoutDelivery } from './logout-delivery.ts';

type Row = {
  id: DeliveryId;
  client_id: string;
  account_id: UserId;
  attempts: number;
  last_error: string | null;
  created_at: Date;
  due_at: Date;
  delivered_at: Date | null;
  dead_at: Date | null;
};

const KIND = 'backchannel-logout';
const COLUMNS = `id, payload ->> 'clientId' as client_id, payload ->> 'accountId' as account_id, attempts, last_error,
  created_at, due_at, delivered_at, dead_at`;

const STATES: Record<DeliveryState, string> = {
  pending: 'delivered_at is null and dead_at is null',
  delivered: 'delivered_at is not null',
  dead: 'dead_at is not null',
};

function toDelivery(row: Row): LogoutDelivery {
  const endedAt = row.delivered_at ?? row.dead_at ?? undefined;
  const ended = row.delivered_at ? 'delivered' : 'dead';
  return {
    id: row.id,
    state: endedAt ? ended : 'pending',
    clientId: row.client_id,
    userId: row.account_id,
    attempts: row.attempts,
    lastError: row.last_error ?? undefined,
    createdAt: row.created_at,
    nextAttemptAt: endedAt ? undefined : row.due_at,
    endedAt,
  };
}

/** Deliveries, the latest first, and how many there are; counting ends at `most`. */
export async function list(
  { db, tenantId }: TenantCall,
  { state, offset, limit, most }: { state: DeliveryState | undefined; offset: number; limit: number; most: number },
): Promise<{ items: LogoutDelivery[]; total: number }> {
  const from = `from outbox where tenant_id = ? and kind = '${KIND}' ${state ? `and ${STATES[state]}` : ''}`;
  const [page, count] = [
    await db.raw<{ rows: Row[] }>(`select ${COLUMNS} ${from} order by id desc offset ? limit ?`, [
      tenantId,
      offset,
      limit,
    ]),
    await db.raw<{ rows: { total: number }[] }>(
      `select count(*)::integer as total from (select ${from} limit ?) counted`,
      [tenantId, most],
    ),
  ];
  return { items: page.rows.map(toDelivery), total: count.rows[0]!.total };
}

/** One delivery, held until the transaction ends. */
export async function lock({ db, tenantId }: TenantCall, id: DeliveryId): Promise<LogoutDelivery | undefined> {
  const { rows } = await db.raw<{ rows: Row[] }>(
    `select ${COLUMNS} from outbox where tenant_id = ? and id = ? and kind = '${KIND}' for update`,
    [tenantId, id],
  );
  return rows[0] && toDelivery(rows[0]);
}

/**
 * Makes a delivery due now, with a new day to arrive, and its client one that is asked again. One that is due within
 * `leaseMs` stays: a node may be at it, and if none is, it comes by itself.
 */
export async function retry({ db, tenantId }: TenantCall, id: DeliveryId, leaseMs: number): Promise<LogoutDelivery> {
  const { rows } = await db.raw<{ rows: (Row & { lane: string })[] }>(
    `update outbox set dead_at = null, retried_at = now(),
       due_at = case when dead_at is null and due_at <= now() + ? * interval '1 millisecond' then due_at else now() end
     where tenant_id = ? and id = ? returning ${COLUMNS}, lane`,
    [leaseMs, tenantId, id],
  );
  await db('outbox_lanes').where({ tenant_id: tenantId, lane: rows[0]!.lane }).delete();
  await db.raw(`select pg_notify('gatehouse', 'outbox:')`);
  return toDelivery(rows[0]!);
}
