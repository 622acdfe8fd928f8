import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { TenantId, WebhookId } from '../../kernel/ids.ts';
import type { Webhook, WebhookValues } from './webhook.ts';

type Row = {
  tenant_id: TenantId;
  id: WebhookId;
  url: string;
  description: string | null;
  events: string[];
  status: Webhook['status'];
  disabled_reason: Webhook['disabledReason'];
  sealed: Buffer;
  previous_sealed: Buffer | null;
  previous_until: Date | null;
  created_at: Date;
  updated_at: Date;
};

const COLUMNS = [
  'id',
  'url',
  'description',
  'events',
  'status',
  'disabled_reason',
  'previous_until',
  'created_at',
  'updated_at',
] as const;

const toWebhook = (row: Pick<Row, (typeof COLUMNS)[number]>): Webhook => ({
  id: row.id,
  url: row.url,
  description: row.description,
  events: row.events,
  status: row.status,
  disabledReason: row.disabled_reason,
  overlapUntil: row.previous_until,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const toColumns = ({ url, description, events, status, disabledReason }: WebhookValues) => ({
  url,
  description,
  events: [...events],
  status,
  disabled_reason: disabledReason,
});

export type OwnedWebhook = { tenantId: TenantId; webhook: Webhook };
export type NewWebhook = WebhookValues & { tenantId: TenantId; id: WebhookId; sealed: Buffer };

/** Writes receivers of any tenants whose address is free there; one statement. Returns those that were written. */
export async function insert({ db, now }: OperatorCall, webhooks: readonly NewWebhook[]): Promise<OwnedWebhook[]> {
  const rows = await db<Row>('webhooks')
    .insert(
      webhooks.map(({ tenantId, id, sealed, ...values }) => ({
        tenant_id: tenantId,
        id,
        ...toColumns(values),
        sealed,
        created_at: now,
        updated_at: now,
      })),
    )
    .onConflict(['tenant_id', 'url'])
    .ignore()
    .returning(['tenant_id', ...COLUMNS]);
  return rows.map((row) => ({ tenantId: row.tenant_id, webhook: toWebhook(row) }));
}

export async function find({ db, tenantId }: TenantCall, id: WebhookId): Promise<Webhook | undefined> {
  const row = await db<Row>('webhooks')
    .where({ tenant_id: tenantId, id })
    .first(...COLUMNS);
  return row && toWebhook(row);
}

/** Like `find`, and holds the row until the transaction ends. Events go on coming to it meanwhile. */
export async function lock({ db, tenantId }: TenantCall, id: WebhookId): Promise<Webhook | undefined> {
  const row = await db<Row>('webhooks')
    .where({ tenant_id: tenantId, id })
    .forNoKeyUpdate()
    .first(...COLUMNS);
  return row && toWebhook(row);
}

export async function list(
  { db, tenantId }: TenantCall,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ items: Webhook[]; total: number }> {
  const rows = await db<Row>('webhooks')
    .where({ tenant_id: tenantId })
    .orderBy('id', 'desc')
    .offset(offset)
    .limit(limit)
    .select(...COLUMNS);
  return { items: rows.map(toWebhook), total: await count({ db, tenantId }) };
}

export async function count({ db, tenantId }: Pick<TenantCall, 'db' | 'tenantId'>): Promise<number> {
  const [row] = await db<Row>('webhooks').where({ tenant_id: tenantId }).count({ count: '*' });
  return Number(row?.['count']);
}

/** Holds the tenant's row until the transaction ends, so that its receivers are counted one after the other. */
export async function lockTenant({ db, tenantId }: TenantCall): Promise<void> {
  await db('tenants').where({ id: tenantId }).forNoKeyUpdate().first('id');
}

/** All receivers of several tenants, by tenant and address. */
export async function listOf({ db }: OperatorCall, tenantIds: readonly TenantId[]): Promise<OwnedWebhook[]> {
  const rows = await db<Row>('webhooks')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .orderBy(['tenant_id', 'url'])
    .select('tenant_id', ...COLUMNS);
  return rows.map((row) => ({ tenantId: row.tenant_id, webhook: toWebhook(row) }));
}

/** Writes what is said of a receiver. A secret given here is its only one from now on. */
export async function update(
  { db, tenantId, now }: TenantCall,
  id: WebhookId,
  values: WebhookValues,
  sealed?: Buffer,
): Promise<Webhook> {
  const secret = sealed === undefined ? {} : { sealed, previous_sealed: null, previous_until: null };
  const [row] = await db<Row>('webhooks')
    .where({ tenant_id: tenantId, id })
    .update({ ...toColumns(values), ...secret, updated_at: now } as object)
    .returning([...COLUMNS]);
  return toWebhook(row as Row);
}

/** Puts a new secret in the place of the present one, which signs too until `overlapUntil`; null: no more from now on. */
export async function replaceSecret(
  { db, tenantId, now }: TenantCall,
  id: WebhookId,
  sealed: Buffer,
  overlapUntil: Date | null,
): Promise<void> {
  await db('webhooks')
    .where({ tenant_id: tenantId, id })
    .update({
      previous_sealed: overlapUntil === null ? null : db.ref('sealed'),
      previous_until: overlapUntil,
      sealed,
      updated_at: now,
    });
}

/** The secrets that sign at this moment, the newest first. */
export async function secretsOf({ db, tenantId }: TenantCall, id: WebhookId, at: Date): Promise<Buffer[]> {
  const row = await db<Row>('webhooks')
    .where({ tenant_id: tenantId, id })
    .first('sealed', 'previous_sealed', 'previous_until');
  if (!row) return [];
  const { sealed, previous_sealed: previous, previous_until: until } = row;
  return previous && until && until > at ? [sealed, previous] : [sealed];
}

export async function remove({ db, tenantId }: TenantCall, id: WebhookId): Promise<boolean> {
  return (await db<Row>('webhooks').where({ tenant_id: tenantId, id }).delete()) > 0;
}

/** Takes back what was on its way to a receiver, and what is known of its failures. */
export async function clearLane(
  { db, tenantId }: TenantCall,
  id: WebhookId,
  { rows }: { rows: boolean },
): Promise<void> {
  await db('outbox_lanes').where({ tenant_id: tenantId, lane: id }).delete();
  if (!rows) return;
  await db('outbox')
    .where({ kind: 'webhook', tenant_id: tenantId, lane: id })
    .whereNull('delivered_at')
    .whereNull('dead_at')
    .delete();
}

/** What the active receivers of each tenant want to hear, together. A tenant without any is left out. */
export async function patternsOf(
  { db }: OperatorCall,
  tenantIds: readonly TenantId[],
): Promise<Map<TenantId, readonly string[]>> {
  const rows = await db<Row>('webhooks')
    .whereRaw('tenant_id = any(?::uuid[])', [[...tenantIds]])
    .where({ status: 'active' })
    .select('tenant_id', 'events');
  const patterns = new Map<TenantId, readonly string[]>();
  for (const { tenant_id: id, events } of rows)
    patterns.set(id, [...new Set([...(patterns.get(id) ?? []), ...events])]);
  return patterns;
}

/** The active receivers, with what each wants to hear. None of them is removed before the transaction ends. */
export async function receiversOf({
  db,
  tenantId,
}: TenantCall): Promise<{ id: WebhookId; events: readonly string[] }[]> {
  return db<Row>('webhooks')
    .where({ tenant_id: tenantId, status: 'active' })
    .orderBy('id')
    .forKeyShare()
    .select('id', 'events');
}
