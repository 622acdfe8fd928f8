import { inTransaction, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type WebhookDeliveryId, type WebhookId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { JobKind, JobRun } from '../jobs/job.ts';
import * as store from './delivery-store.ts';
import * as webhooks from './webhook-store.ts';

/** What the job is given: everything that failed in a span of time. */
export type RedeliveryInput = { webhookId: WebhookId; since: string; until: string };

type Checkpoint = { after: WebhookDeliveryId; done: number };

/** Sends again what failed at a receiver while it was away, in the order in which it was told. */
export const redelivery: JobKind = {
  permission: 'iam.webhooks:write',

  async run({ call, input, checkpoint, save, signal }: JobRun) {
    const { webhookId, since, until } = input as RedeliveryInput;
    const span = { since: new Date(since), until: new Date(until) };
    let { after, done } = (checkpoint as Checkpoint | undefined) ?? { after: undefined, done: 0 };
    const total = done + (await inTransaction(call, (tx) => store.countFailed(tx, webhookId, span)));
    for (let more = true; more; ) {
      signal.throwIfAborted();
      await save(async (tx) => {
        await assertOpen(tx, webhookId);
        const found = await store.failedAfter(tx, webhookId, { ...span, after, limit: LIMITS.batchRows });
        more = found.length === LIMITS.batchRows;
        await store.sendAgain(
          tx,
          webhookId,
          found.map((id) => ({ id, outboxId: newId<string>() })),
        );
        after = found.at(-1) ?? after;
        done += found.length;
        return { ...(after !== undefined && { checkpoint: { after, done } }), done, total: Math.max(total, done) };
      });
    }
    return { redelivered: done };
  },
};

/** It may have been removed or disabled since. */
async function assertOpen(tx: TenantCall, webhookId: WebhookId): Promise<void> {
  const webhook = await webhooks.lock(tx, webhookId);
  if (!webhook) throw new Failure('webhook_not_found', { webhookId });
  if (webhook.status === 'disabled') throw new Failure('webhook_disabled', { webhookId });
}
