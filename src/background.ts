import type { Core } from './core.ts';
import type { SessionSweep } from './domain/sessions/session-sweep-service.ts';
import type { House } from './house.ts';
import { createExpiry } from './jobs/expiry.ts';
import { createJobs, houseJobs, type Job } from './jobs/jobs.ts';
import { createOutbox, Undeliverable } from './jobs/outbox.ts';
import type { TenantCall } from './kernel/call.ts';
import type { TenantId } from './kernel/ids.ts';
import { LIMITS } from './kernel/limits.ts';
import type { OwedLogout } from './oidc/logout-delivery.ts';

/** What a node does beside answering: sweeps what is dead, turns keys that are due, delivers what must leave the house. */
export function createBackground(house: House, core: Core) {
  const { db, log, databaseUrl, services, changes, post } = house;
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
      recovery: (row) => services.recovery.carryOut(callIn('recovery', row), row),
      registration: (row) => services.registration.carryOut(callIn('registration', row), row),
    },
    // One hand for a relying party: while it does not answer, the tenant's other one serves the others.
    hands: {
      'backchannel-logout': { all: LIMITS.outboxConcurrency, perTenant: LIMITS.outboxPerTenant, perLane: 1 },
    },
  });
  changes.on('outbox:', () => outbox.wake());
  const expiry = createExpiry({ db, log });
  const rotation = {
    name: 'signing-keys',
    cron: '*/5 * * * *',
    deadlineSeconds: 120,
    run: async () => void (await services.signingKeys.advanceDue(house.operator('signing-keys'))),
  };
  const jobs = createJobs({ address: databaseUrl, log, jobs: [...houseJobs(expiry), rotation, unprovenJob(house)] });

  return {
    start(): void {
      outbox.start();
      jobs.start();
    },
    async stop(): Promise<void> {
      await Promise.all([outbox.stop(), jobs.stop()]);
    },
  };
}

/** What nobody has proven in its time: letters, answered challenges, and accounts that people made and never used. */
function unprovenJob({ services, operator }: House): Job {
  const { emailTokens, captcha, registration } = services;
  return {
    name: 'unproven',
    cron: '23 * * * *',
    deadlineSeconds: 600,
    async run() {
      await emailTokens.removeDead(operator('unproven'));
      await captcha.removeDead(operator('unproven'));
      await registration.removeUnproven(operator('unproven'));
    },
  };
}
