import { inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { newId, type TenantId, type UserId, type WebhookDeliveryId, type WebhookId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { type Page, type PageQuery, pageWindow } from '../../kernel/page.ts';
import { seal, unseal } from '../../kernel/secret.ts';
import { stableJson } from '../../kernel/text.ts';
import { assertVersion, type Expected, versionOf } from '../../kernel/version.ts';
import type { AuditService } from '../audit/audit-service.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import { removeOfUser } from './message-store.ts';
import type { OwedEvent, Publisher } from './publisher.ts';
import { checkedWebhookSecret, newWebhookSecret } from './signature.ts';
import { checkedWebhook, type Webhook, type WebhookChange, type WebhookDraft, type WebhookValues } from './webhook.ts';
import * as store from './webhook-store.ts';

export type WebhookServiceDeps = {
  audit: Pick<AuditService, 'record' | 'recordAll'>;
  keys: Pick<TenantKeyService, 'keyFor'>;
  publisher: Publisher;
  /** The check of the one way out, when an address is saved. @throws Failure `invalid_input` with `reason` */
  assertUrl(url: string): void;
};

/** A receiver that is declared from outside of a request, with the secret that somebody chose for it, if anybody did. */
export type DeclaredWebhook = WebhookValues & { tenantId: TenantId; secret?: string | undefined };

const target = ({ id }: { id: WebhookId }) => ({ target: `webhook:${id}` });
const placeOf = (tenantId: TenantId, id: WebhookId) => `${tenantId}/webhooks/sealed/${id}`;

/**
 * The receivers of a tenant's events. What each wants to hear is said by names and patterns; what is sent to it is signed
 * under its own secret (Standard Webhooks), which is told once.
 */
export function createWebhookService({ audit, keys, publisher, assertUrl }: WebhookServiceDeps) {
  const { interest } = publisher;

  async function sealed(call: TenantCall, id: WebhookId, secret: string): Promise<Buffer> {
    return seal(await keys.keyFor(call, 'seal'), placeOf(call.tenantId, id), Buffer.from(secret));
  }

  /** Locks a receiver, lets `work` change it, and makes what is known of it forgotten once that is committed. */
  async function change<T>(
    call: TenantCall,
    id: WebhookId,
    work: (tx: TenantCall, present: Webhook) => Promise<T>,
    expected?: Expected,
  ): Promise<T> {
    return interest.during(call.tenantId, () =>
      inTransaction(call, async (tx) => {
        const present = (await store.lock(tx, id)) ?? notFound(id);
        assertVersion(expected, versionOf(present));
        return work(tx, present);
      }),
    );
  }

  /** Writes what is different. An address that changes brings a secret: what was agreed with one host is not told another. */
  async function write(
    tx: TenantCall,
    present: Webhook,
    values: WebhookValues,
    chosen?: string,
  ): Promise<{ webhook: Webhook; secret: string | undefined }> {
    const changed = (Object.keys(values) as (keyof WebhookValues)[]).filter(
      (key) => stableJson(values[key]) !== stableJson(present[key]),
    );
    if (changed.length === 0 && chosen === undefined) return { webhook: present, secret: undefined };
    const secret = chosen ?? (changed.includes('url') ? newWebhookSecret() : undefined);
    const webhook = await orTaken(async () =>
      store.update(tx, present.id, values, secret === undefined ? undefined : await sealed(tx, present.id, secret)),
    );
    // Whoever changes it has looked after it: it is tried at once.
    await store.clearLane(tx, present.id, { rows: false });
    await audit.record(tx, 'webhook.updated', { ...target(present), details: { changed } });
    return { webhook, secret };
  }

  return {
    /**
     * Makes a receiver, with a secret of 256 bits that is told here and never again.
     *
     * @throws Failure `invalid_input`, `webhook_taken` for an address that the tenant has already, `webhook_limit`
     */
    async create(call: TenantCall, draft: WebhookDraft): Promise<{ webhook: Webhook; secret: string }> {
      const values = checkedWebhook(draft, assertUrl);
      const [id, secret] = [newId<WebhookId>(), newWebhookSecret()];
      return interest.during(call.tenantId, () =>
        inTransaction(call, async (tx) => {
          await store.lockTenant(tx);
          if ((await store.count(tx)) >= LIMITS.webhooks) throw new Failure('webhook_limit');
          const [made] = await store.insert(tx, [
            { ...values, tenantId: tx.tenantId, id, sealed: await sealed(tx, id, secret) },
          ]);
          if (!made) throw new Failure('webhook_taken');
          await audit.record(tx, 'webhook.created', {
            ...target(made.webhook),
            details: { events: [...values.events] },
          });
          return { webhook: made.webhook, secret };
        }),
      );
    },

    /** @throws Failure `webhook_not_found` */
    async get(call: TenantCall, id: WebhookId): Promise<Webhook> {
      return (await inTransaction(call, (tx) => store.find(tx, id))) ?? notFound(id);
    },

    /** A page of receivers, the newest first. @throws Failure `invalid_input` */
    async list(call: TenantCall, query: PageQuery = {}): Promise<Page<Webhook>> {
      const window = pageWindow(query);
      const { items, total } = await inTransaction(call, (tx) => store.list(tx, window));
      return { items, total, page: window.page, pageSize: window.limit };
    },

    /**
     * Changes what is given. Another address brings another secret, told here once; the one before signs nothing any
     * more. A receiver that is enabled is tried at once. What is on its way to one that is disabled fails.
     *
     * @param expected the versions (`versionOf`) of which the receiver must be one
     * @throws Failure `webhook_not_found`, `precondition_failed`, `invalid_input`, `webhook_taken`
     */
    update(
      call: TenantCall,
      id: WebhookId,
      given: WebhookChange,
      expected?: Expected,
    ): Promise<{ webhook: Webhook; secret: string | undefined }> {
      const kept = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      const decide = (tx: TenantCall, present: Webhook) =>
        write(tx, present, checkedWebhook({ ...present, ...kept }, assertUrl, present));
      return change(call, id, decide, expected);
    },

    /**
     * Removes a receiver with its log; what is on its way to it is not sent any more.
     *
     * @throws Failure `webhook_not_found`, `precondition_failed`
     */
    remove(call: TenantCall, id: WebhookId, expected?: Expected): Promise<void> {
      const take = async (tx: TenantCall, present: Webhook) => {
        await store.remove(tx, id);
        await store.clearLane(tx, id, { rows: true });
        await audit.record(tx, 'webhook.removed', target(present));
      };
      return change(call, id, take, expected);
    },

    /**
     * Gives a receiver another secret, told here once. For so long both sign, so that receivers can change over.
     *
     * @param overlapSeconds a day unless told; 0 ends the old one at once
     * @throws Failure `webhook_not_found`, `invalid_input`
     */
    rotate: (
      call: TenantCall,
      id: WebhookId,
      { overlapSeconds = 86_400 } = {},
    ): Promise<{ webhook: Webhook; secret: string }> => {
      if (!Number.isInteger(overlapSeconds) || overlapSeconds < 0 || overlapSeconds > LIMITS.secretOverlapSeconds)
        throw new Failure('invalid_input', { field: 'overlapSeconds' });
      return change(call, id, async (tx, present) => {
        const secret = newWebhookSecret();
        const overlapUntil = overlapSeconds === 0 ? null : new Date(tx.now.getTime() + overlapSeconds * 1000);
        await store.replaceSecret(tx, id, await sealed(tx, id, secret), overlapUntil);
        await audit.record(tx, 'webhook.secret_rotated', { ...target(present), details: { overlapSeconds } });
        return { webhook: { ...present, overlapUntil, updatedAt: tx.now }, secret };
      });
    },

    /** Sends a receiver `webhook.test`, once, also one that is disabled. @throws Failure `webhook_not_found` */
    test: (call: TenantCall, id: WebhookId): Promise<WebhookDeliveryId> =>
      inTransaction(call, async (tx) => {
        const webhook = (await store.lock(tx, id)) ?? notFound(id);
        const delivery = await publisher.sendTest(tx, id);
        await audit.record(tx, 'webhook.tested', target(webhook));
        return delivery;
      }),

    /** Tells an event that the database has written down by itself; once, however often it is called. */
    tellOwed: (call: TenantCall, row: OwedEvent): Promise<void> => publisher.tellOwed(call, row),

    /** What this node knows of a tenant's receivers, or of all, is not so any more. */
    forget: interest.forget,

    /** The secrets that sign for a receiver at this moment, the newest first. */
    async secretsOf(call: TenantCall, id: WebhookId): Promise<string[]> {
      const key = await keys.keyFor(call, 'seal');
      const found = await inTransaction(call, (tx) => store.secretsOf(tx, id, tx.now));
      return found.map((one) => unseal(key, placeOf(call.tenantId, id), one).toString());
    },

    /** Removes what was told of a user, in the caller's transaction: an erasure does not stop at a log. */
    forgetUser: (tx: TenantCall, userId: UserId): Promise<number> => removeOfUser(tx, userId),

    /** A declared receiver in the form in which it is stored. @throws Failure `invalid_input` */
    checked: (draft: WebhookDraft, present?: Webhook): WebhookValues => checkedWebhook(draft, assertUrl, present),

    /** A secret that somebody chose, if anybody did. @throws Failure `invalid_input` */
    checkedSecret: (secret: string | undefined): string | undefined =>
      secret === undefined ? undefined : checkedWebhookSecret(secret),

    /** All receivers of several tenants, by tenant and address, in the caller's transaction. */
    webhooksOfTenants: (tx: OperatorCall, tenantIds: readonly TenantId[]): Promise<store.OwnedWebhook[]> =>
      store.listOf(tx, tenantIds),

    /** Receivers of several tenants in one statement, in the caller's transaction. @throws Failure `webhook_taken` */
    async createAll(tx: OperatorCall, webhooks: readonly DeclaredWebhook[]): Promise<void> {
      const rows = await Promise.all(
        webhooks.map(async ({ secret, ...values }) => {
          const id = newId<WebhookId>();
          const call = { ...tx, tenantId: values.tenantId };
          return { ...values, id, sealed: await sealed(call, id, secret ?? newWebhookSecret()) };
        }),
      );
      const made = await store.insert(tx, rows);
      if (made.length < rows.length) throw new Failure('webhook_taken');
      for (const { tenantId } of made) interest.forget(tenantId);
      await audit.recordAll(
        tx,
        made.map(({ tenantId, webhook }) => ({ tenantId, action: 'webhook.created', ...target(webhook) })),
      );
    },

    /** Makes a receiver as it is declared; a secret that it has already is left as it is. @throws Failure as `update` does */
    declare: (call: TenantCall, id: WebhookId, values: WebhookValues, secret: string | undefined): Promise<unknown> =>
      change(call, id, (tx, present) => write(tx, present, values, secret)),
  };
}

export type WebhookService = ReturnType<typeof createWebhookService>;

function notFound(webhookId: WebhookId): never {
  throw new Failure('webhook_not_found', { webhookId });
}

async function orTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { constraint?: string }).constraint === 'webhooks_url') throw new Failure('webhook_taken');
    throw error;
  }
}
