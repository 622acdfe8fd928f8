import type { Core } from './core.ts';
import type { SessionSweep } from './domain/sessions/session-sweep-service.ts';
import type { House } from './house.ts';
import { createExpiry } from './jobs/expiry.ts';
import { createJobs, houseJobs } from './jobs/jobs.ts';
import { createOutbox, Undeliverable } from './jobs/outbox.ts';
import type { TenantId } from './kernel/ids.ts';
import { LIMITS } from './kernel/limits.ts';
import type { OwedLogout } from './oidc/logout-delivery.ts';

/** What a node does beside answering: sweeps what is dead, turns keys that are due, delivers what must leave the house. */
export function createBackground(house: House, core: Core) {
  const { db, log, databaseUrl, services, changes, post } = house;
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
      recovery: (row) =>
        services.recovery.carryOut({ ...house.operator('recovery'), tenantId: row.tenantId as TenantId }, row),
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
  const jobs = createJobs({ address: databaseUrl, log, jobs: [...houseJobs(expiry), rotation] });

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
