import { inOperatorTransaction, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type WebhookDeliveryId, type WebhookId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import type { AccessService } from '../access/access-service.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { Job } from '../jobs/job.ts';
import type { JobService } from '../jobs/job-service.ts';
import type { LetterService } from '../mail/letter-service.ts';
import { type Answer, type Delivery, type Outcome, type SendToReceiver, type Verdict, verdictOf } from './delivery.ts';
import * as store from './delivery-store.ts';
import type { Publisher } from './publisher.ts';
import type { RedeliveryInput } from './redelivery.ts';
import { signedHeaders } from './signature.ts';
import type { DisabledReason } from './webhook.ts';
import type { WebhookService } from './webhook-service.ts';
import * as webhooks from './webhook-store.ts';

export type DeliveryServiceDeps = {
  audit: Pick<AuditService, 'record'>;
  access: Pick<AccessService, 'administrators'>;
  letters: Pick<LetterService, 'toUser'>;
  publisher: Pick<Publisher, 'open' | 'idOf' | 'interest'>;
  receivers: Pick<WebhookService, 'secretsOf'>;
  send: SendToReceiver;
  jobs: Pick<JobService, 'create'>;
};

/** A row of the outbox that carries a delivery. */
export type CarryingRow = { createdAt: Date; failingSince: Date | null };

/**
 * What is sent to receivers. Each attempt is signed anew, over the same bytes and under the same id: a receiver that has
 * seen the id has had the event. A request is never made inside of a transaction.
 */
export function createDeliveryService(deps: DeliveryServiceDeps) {
  const { audit, access, letters, publisher, receivers, send, jobs } = deps;

  async function attempt(call: TenantCall, work: store.Work, signal: AbortSignal): Promise<Answer> {
    const body = await publisher.open(call, { id: work.messageId, sealed: work.sealed });
    const message = { id: publisher.idOf(work.messageId), at: call.now, body };
    const headers = signedHeaders(message, await receivers.secretsOf(call, work.webhookId));
    try {
      return await send({ url: work.url, headers, body, signal });
    } catch (error) {
      const { reason } = error as { reason?: unknown };
      return { error: typeof reason === 'string' ? reason : 'network' };
    }
  }

  /** Notes what became of an attempt, and draws the consequences for the receiver. */
  async function settle(call: TenantCall, work: store.Work, answer: Answer, row: CarryingRow): Promise<Outcome> {
    const verdict = verdictOf(answer, call.now);
    const isTest = work.event === 'webhook.test';
    let isDisabled = false;
    const outcome = await inTransaction(call, async (tx): Promise<Outcome> => {
      const reason = isTest ? undefined : await farewell(tx, work, verdict, row);
      // The receiver before the delivery: whoever sends one again holds them in this order.
      isDisabled = reason !== undefined && (await disable(tx, work, reason));
      const isOver = isTest || isDisabled || isLast(tx.now, row);
      await store.noteAttempt(tx, work.id, {
        state: verdict.kind === 'taken' ? 'delivered' : isOver ? 'failed' : 'pending',
        responseStatus: 'status' in answer ? answer.status : null,
        error: verdict.kind === 'taken' ? null : verdict.error,
      });
      if (verdict.kind === 'taken') return { kind: 'done' };
      return isOver
        ? { kind: 'never', error: verdict.error }
        : { kind: 'again', error: verdict.error, waitMs: verdict.waitMs };
    });
    if (isDisabled) publisher.interest.forget(call.tenantId);
    return outcome;
  }

  /**
   * Stops sending to a receiver, and tells those who can do something about it. Not to one that was moved or disabled
   * meanwhile: false then.
   */
  async function disable(tx: TenantCall, { webhookId, url }: store.Work, reason: DisabledReason): Promise<boolean> {
    const webhook = await webhooks.lock(tx, webhookId);
    if (webhook?.status !== 'active' || webhook.url !== url) return false;
    await webhooks.update(tx, webhookId, { ...webhook, status: 'disabled', disabledReason: reason });
    await audit.record(tx, 'webhook.disabled', { target: `webhook:${webhookId}`, details: { reason } });
    // An address may hold a secret in its path or query.
    const shown = new URL(url).origin;
    for (const userId of await access.administrators(tx))
      await letters.toUser(tx, userId, 'webhook-disabled', { url: shown, at: tx.now.toISOString() });
    return true;
  }

  async function assertReceiver(tx: TenantCall, webhookId: WebhookId): Promise<void> {
    if (!(await webhooks.find(tx, webhookId))) throw new Failure('webhook_not_found', { webhookId });
  }

  return {
    /** Brings one delivery to its receiver, if it is still to be brought. Never throws for what the receiver does. */
    async deliver(call: TenantCall, id: WebhookDeliveryId, row: CarryingRow, signal: AbortSignal): Promise<Outcome> {
      const work = await inTransaction(call, (tx) => store.findWork(tx, id));
      // It was removed with its receiver, or had arrived when the node before died.
      if (work?.state !== 'pending') return { kind: 'done' };
      if (work.status === 'disabled' && work.event !== 'webhook.test') {
        await inTransaction(call, (tx) => store.giveUp(tx, id, 'disabled'));
        return { kind: 'never', error: 'the receiver is disabled' };
      }
      const answer = await attempt(call, work, signal);
      return settle({ ...call, now: new Date() }, work, answer, row);
    },

    /** A page of what was sent to a receiver, the newest first. @throws Failure `webhook_not_found`, `invalid_input` */
    async list(
      call: TenantCall,
      webhookId: WebhookId,
      { state, ...query }: PageQuery & store.DeliveryFilter = {},
    ): Promise<Page<Delivery>> {
      const window = pageWindow(query);
      const { items, total } = await inTransaction(call, async (tx) => {
        await assertReceiver(tx, webhookId);
        return store.list(tx, webhookId, { state }, window);
      });
      return { items, total, page: window.page, pageSize: window.limit };
    },

    /** One delivery with the bytes that are sent. @throws Failure `webhook_delivery_not_found` */
    async get(
      call: TenantCall,
      webhookId: WebhookId,
      id: WebhookDeliveryId,
    ): Promise<{ delivery: Delivery; body: string }> {
      return inTransaction(call, async (tx) => {
        const delivery = (await store.find(tx, webhookId, id)) ?? notFound(id);
        const body = await publisher.open(tx, (await store.findMessage(tx, webhookId, id)) ?? notFound(id));
        return { delivery, body };
      });
    },

    /**
     * Sends a delivery once more, whatever became of it, and tries it for a day. One that is on its way is tried at once.
     *
     * @throws Failure `webhook_delivery_not_found`; `webhook_disabled`
     */
    async redeliver(call: TenantCall, webhookId: WebhookId, id: WebhookDeliveryId): Promise<Delivery> {
      return inTransaction(call, async (tx) => {
        const webhook = (await webhooks.lock(tx, webhookId)) ?? notFound(id);
        if (!(await store.find(tx, webhookId, id))) notFound(id);
        if (webhook.status === 'disabled') throw new Failure('webhook_disabled', { webhookId });
        await webhooks.clearLane(tx, webhookId, { rows: false });
        await store.sendAgain(tx, webhookId, [{ id, outboxId: newId() }]);
        await audit.record(tx, 'webhook.redelivered', { target: `webhook:${webhookId}`, details: { deliveryId: id } });
        return (await store.find(tx, webhookId, id)) ?? notFound(id);
      });
    },

    /**
     * Sends again all that failed since a moment, as a job.
     *
     * @throws Failure `webhook_not_found`, `webhook_disabled`, `job_limit`
     */
    async redeliverFailed(call: TenantCall, webhookId: WebhookId, since: Date): Promise<Job> {
      return inTransaction(call, async (tx) => {
        const webhook = await webhooks.find(tx, webhookId);
        if (!webhook) throw new Failure('webhook_not_found', { webhookId });
        if (webhook.status === 'disabled') throw new Failure('webhook_disabled', { webhookId });
        await webhooks.clearLane(tx, webhookId, { rows: false });
        const input: RedeliveryInput = { webhookId, since: since.toISOString(), until: tx.now.toISOString() };
        return jobs.create(tx, 'webhook-redelivery', { input });
      });
    },

    /** Removes what is older than the log is kept, of all tenants. @returns how many messages went */
    async sweep(call: OperatorCall, signal?: AbortSignal): Promise<number> {
      for (let total = 0; ; ) {
        const gone = await inOperatorTransaction(call, (tx) =>
          store.removeOld(tx, LIMITS.webhookLogDays, LIMITS.expiryBatchRows),
        );
        total += gone;
        if (gone < LIMITS.expiryBatchRows || signal?.aborted) return total;
      }
    },
  };
}

export type DeliveryService = ReturnType<typeof createDeliveryService>;

/** Why nothing more is to be sent to the receiver, if that is so: it wants no more, fails for too long, or is owed too much. */
async function farewell(
  tx: TenantCall,
  { webhookId }: store.Work,
  verdict: Verdict,
  { failingSince }: CarryingRow,
): Promise<DisabledReason | undefined> {
  if (verdict.kind === 'gone') return 'gone';
  if (verdict.kind === 'taken' || failingSince === null) return undefined;
  const tooLong = tx.now.getTime() - failingSince.getTime() >= LIMITS.webhookFailingMs;
  return tooLong || (await store.isBacklog(tx, webhookId, LIMITS.webhookBacklog)) ? 'failing' : undefined;
}

/** Whether the outbox would give the row up now; a little before it does, so that the log does not stay open. */
const isLast = (now: Date, { createdAt }: CarryingRow): boolean =>
  now.getTime() - createdAt.getTime() >= LIMITS.outboxGiveUpMs - LIMITS.outboxLeaseMs;

function notFound(deliveryId: WebhookDeliveryId): never {
  throw new Failure('webhook_delivery_not_found', { deliveryId });
}
