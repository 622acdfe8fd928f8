import type { TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import type { Webhook } from '../webhooks/webhook.ts';
import type { DeclaredWebhook } from '../webhooks/webhook-service.ts';
import type { WebhookBlueprint } from './blueprint.ts';
import {
  byTenant,
  callOf,
  changedFields,
  declaredOnce,
  differs,
  isWrong,
  judged,
  type Site,
  type Work,
  writes,
} from './work.ts';

/** Makes and changes the declared webhooks. */
export async function reconcileWebhooks(work: Work, sites: readonly Site[]): Promise<void> {
  const present = byTenant(
    await work.rooms.webhooks.webhooksOfTenants(
      work.tx,
      sites.map(({ tenantId }) => tenantId),
    ),
  );
  const fresh: DeclaredWebhook[] = [];
  for (const site of sites) {
    const known = new Map((present.get(site.tenantId) ?? []).map(({ webhook }) => [webhook.url, webhook]));
    const declared = declaredOnce(work, `${site.path}.webhooks`, site.declared.webhooks ?? [], ({ url }) => url);
    const all = new Set([...known.keys(), ...declared.map(({ key }) => key)]);
    if (all.size > LIMITS.webhooks) isWrong(work, `${site.path}.webhooks`, `would be more than ${LIMITS.webhooks}`);
    for (const { item, path } of declared) {
      const there = known.get(item.url);
      known.delete(item.url);
      const made = there ? await reconcile(work, site, path, item, there) : await freshWebhook(work, site, path, item);
      if (made) fresh.push(made);
    }
    for (const url of known.keys()) differs(work, site, 'kept', 'webhook', url);
  }
  if (fresh.length > 0 && writes(work)) await work.rooms.webhooks.createAll(work.tx, fresh);
}

async function freshWebhook(
  work: Work,
  site: Site,
  path: string,
  { secret, ...draft }: WebhookBlueprint,
): Promise<DeclaredWebhook | undefined> {
  const { webhooks } = work.rooms;
  const values = await judged(work, path, () => ({
    ...webhooks.checked(draft),
    secret: webhooks.checkedSecret(secret),
  }));
  if (!values) return undefined;
  differs(work, site, 'create', 'webhook', draft.url);
  return { ...values, tenantId: site.tenantId as TenantId };
}

async function reconcile(
  work: Work,
  site: Site,
  path: string,
  { secret, ...item }: WebhookBlueprint,
  there: Webhook,
): Promise<undefined> {
  const { webhooks } = work.rooms;
  const given = Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined));
  const values = await judged(work, path, () => {
    webhooks.checkedSecret(secret);
    return webhooks.checked({ ...there, ...given }, there);
  });
  if (!values) return;
  const { disabledReason: _, ...compared } = values;
  const fields: string[] = changedFields(compared, there);
  const call = callOf(work, site);
  const isNew = secret !== undefined && !(await webhooks.secretsOf(call, there.id)).includes(secret);
  if (isNew) fields.push('secret');
  if (fields.length === 0) return;
  differs(work, site, 'change', 'webhook', there.url, fields);
  if (writes(work)) await webhooks.declare(call, there.id, values, isNew ? secret : undefined);
}
