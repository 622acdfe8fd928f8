import type { Core } from './core.ts';
import type { SessionSweep } from './domain/sessions/session-sweep-service.ts';
import type { House } from './house.ts';
import { createExpiry } from './jobs/expiry.ts';
import { createJobs, houseJobs, type Job } from './jobs/jobs.ts';
import { createOutbox, Later, type OutboxHandler, Undeliverable } from './jobs/outbox.ts';
import { createRunner } from './jobs/runner.ts';
import { createSettler } from './jobs/settler.ts';
import type { OperatorCall, TenantCall } from './kernel/call.ts';
import type { TenantId, WebhookDeliveryId } from './kernel/ids.ts';
import { LIMITS } from './kernel/limits.ts';
import type { OwedLogout } from './oidc/logout-delivery.ts';

/**
 * What a node does beside answering: sweeps what is dead, turns keys that are due, delivers what must leave the house,
 * chains the audit trail.
 */
export function createBackground(house: House, core: Core) {
  const { db, log, databaseUrl, services, changes, post, texting } = house;
  const callIn = (name: string, { tenantId }: { tenantId: string }): TenantCall => ({
    ...house.operator(name),
    tenantId: tenantId as TenantId,
  });
  const outbox = createOutbox({
    db,
    log,
    handlers: {
      'backchannel-logout': async ({ tenantId, id, payload }, signal) => {
        const owed = { ...payload, id } as OwedLogout;
        const reason = await core.deliverLogout(tenantId as TenantId, owed, signal);
        if (reason) throw new Undeliverable(reason);
      },
      'session-sweep': ({ tenantId, payload, createdAt }, signal) =>
        services.sessionSweep.run(
          { ...house.operator('session-sweep'), tenantId: tenantId as TenantId },
          { ...(payload as SessionSweep), since: createdAt },
          signal,
        ),
      mail: post.deliver,
      sms: texting.deliver,
      'sign-in-notice': (row) => services.signInNotices.carryOut(callIn('notices', row), row),
      recovery: (row) => services.recovery.carryOut(callIn('recovery', row), row),
      registration: (row) => services.registration.carryOut(callIn('registration', row), row),
      'webhook-event': (row) => services.webhooks.tellOwed(callIn('webhooks', row), row),
      webhook: (row, signal) => carryWebhook(services, callIn('webhooks', row), row, signal),
    },
    hands: {
      // One hand for a relying party: while it does not answer, the tenant's other one serves the others.
      'backchannel-logout': { all: LIMITS.outboxConcurrency, perTenant: LIMITS.outboxPerTenant, perLane: 1 },
      webhook: {
        all: LIMITS.webhookHands,
        perTenant: LIMITS.webhookHandsOfTenant,
        perLane: LIMITS.webhookHandsOfReceiver,
      },
    },
  });
  changes.on('outbox:', () => outbox.wake());
  const runner = createRunner({
    take: (shutdown) => services.jobs.take(house.operator('jobs'), shutdown),
    hands: LIMITS.jobHands,
    log,
  });
  changes.on('job:', () => runner.wake());
  const jobs = createJobs({
    address: databaseUrl,
    log,
    jobs: [...houseJobs(createExpiry({ db, log })), ...chores(house)],
  });
  services.audit.watch();
  const trail = createSettler({ log, work: () => services.audit.settle(house.operator('audit')) });

  return {
    start(): void {
      outbox.start();
      jobs.start();
      runner.start();
      trail.start();
    },
    async stop(): Promise<void> {
      await Promise.all([outbox.stop(), jobs.stop(), runner.stop(), trail.stop()]);
    },
  };
}

/** What the rooms want to be done again and again. */
function chores({ services, operator }: House): Job[] {
  const chore = (
    name: string,
    cron: string,
    deadlineSeconds: number,
    run: (signal: AbortSignal) => Promise<unknown>,
  ) => ({
    name,
    cron,
    deadlineSeconds,
    run: async (signal: AbortSignal) => void (await run(signal)),
  });
  return [
    chore('signing-keys', '*/5 * * * *', 120, () => services.signingKeys.advanceDue(operator('signing-keys'))),
    chore('webhook-log', '23 * * * *', 900, (signal) => services.deliveries.sweep(operator('webhook-log'), signal)),
    chore('erasures', '* * * * *', 600, (signal) => services.erasure.eraseDue(operator('erasures'), signal)),
    chore('unproven', '23 * * * *', 600, () => removeUnproven(services, operator('unproven'))),
    chore('audit-chain', '* * * * *', 300, (signal) => linkLeftOvers(services, operator('audit'), signal)),
    chore('audit-months', '17 3 * * *', 3_600, async (signal) => {
      await services.audit.makeMonths(operator('audit'));
      await services.audit.prune(operator('audit'), signal);
    }),
    chore('erased-tenants', '51 * * * *', 3_000, (signal) => services.tenants.eraseDue(operator('erasure'), signal)),
    chore('old-jobs', '37 * * * *', 900, (signal) => services.jobs.sweep(operator('old-jobs'), signal)),
  ];
}

/** One attempt of one delivery, in the words of the outbox. */
async function carryWebhook(
  { deliveries }: House['services'],
  call: TenantCall,
  row: Parameters<OutboxHandler>[0],
  signal: AbortSignal,
): Promise<void> {
  const outcome = await deliveries.deliver(call, row.payload['delivery'] as WebhookDeliveryId, row, signal);
  if (outcome.kind === 'never') throw new Undeliverable(outcome.error);
  if (outcome.kind === 'again')
    throw outcome.waitMs === undefined ? new Error(outcome.error) : new Later(outcome.error, outcome.waitMs);
}

/** What nobody has proven in its time: letters, answered challenges, invites, and accounts that people made and never used. */
async function removeUnproven(
  { emailTokens, captcha, registration, invites }: House['services'],
  call: OperatorCall,
): Promise<void> {
  await emailTokens.removeDead(call);
  await captcha.removeDead(call);
  await registration.removeUnproven(call);
  await invites.removeEnded(call);
}

/** What nodes that died have written comes into the chain of the audit trail. */
async function linkLeftOvers({ audit }: House['services'], call: OperatorCall, signal: AbortSignal): Promise<void> {
  for (const tenantId of await audit.pendingTenants(call)) if (!signal.aborted) await audit.link({ ...call, tenantId });
}
