import type { WebhookDraft } from '../../src/domain/webhooks/webhook.ts';
import { inTransaction, type TenantCall } from '../../src/kernel/call.ts';
import type { EventId, WebhookId } from '../../src/kernel/ids.ts';
import { newId } from '../../src/kernel/ids.ts';
import { rooms } from './rooms.ts';

/** An event as its receivers read it. */
export type ReadEvent = {
  id: string;
  type: string;
  timestamp: string;
  tenantId: string;
  actor: { type: string; id: string | null };
  // biome-ignore lint/suspicious/noExplicitAny: tests look into data of every shape
  data: any;
};

/** A receiver that nothing ever reaches: for tests of what is told, not of how. */
export async function aWebhook(
  call: TenantCall,
  draft: Partial<WebhookDraft> = {},
): Promise<{ id: WebhookId; secret: string }> {
  const { webhook, secret } = await rooms().webhooks.create(call, {
    url: `https://hooks.example/${newId()}`,
    events: ['*'],
    ...draft,
  });
  return { id: webhook.id, secret };
}

/** Everything that was told in a tenant, in order. */
export async function toldIn(call: TenantCall): Promise<ReadEvent[]> {
  const rows = await inTransaction(call, (tx) =>
    tx.db('webhook_messages').where({ tenant_id: call.tenantId }).orderBy('id').select('id', 'sealed'),
  );
  const bodies = await Promise.all(
    rows.map((row: { id: EventId; sealed: Buffer }) => rooms().publisher.open(call, row)),
  );
  return bodies.map((body) => JSON.parse(body) as ReadEvent);
}

export const typesOf = (events: readonly ReadEvent[]): string[] => events.map(({ type }) => type);

/** How many deliveries are on their way in a tenant, by receiver. */
export async function waitingFor(call: TenantCall): Promise<Record<string, number>> {
  const rows = await call
    .db('outbox')
    .where({ tenant_id: call.tenantId, kind: 'webhook' })
    .groupBy('lane')
    .select('lane')
    .count();
  return Object.fromEntries(rows.map((row) => [row['lane'], Number(row['count'])]));
}

/** What is told of the work, after all that was told before it. */
export async function toldOf(call: TenantCall, work: () => Promise<unknown>) {
  const before = (await toldIn(call)).length;
  await work();
  return (await toldIn(call)).slice(before);
}
