import type { Core } from './core.ts';
import type { House } from './house.ts';
import { createExpiry } from './jobs/expiry.ts';
import { createJobs, houseJobs } from './jobs/jobs.ts';
import { createOutbox } from './jobs/outbox.ts';
import type { TenantId } from './kernel/ids.ts';

/** What a node does beside answering: sweeps what is dead, turns keys that are due, delivers what must leave the house. */
export function createBackground(house: House, core: Core) {
  const { db, log, databaseUrl, services, changes, post } = house;
  const outbox = createOutbox({
    db,
    log,
    handlers: {
      'backchannel-logout': ({ tenantId, payload }) =>
        core.deliverLogout(
          tenantId as TenantId,
          payload as { clientId: string; accountId: string; sid: string | null },
        ),
      mail: post.deliver,
      recovery: (row) =>
        services.recovery.carryOut({ ...house.operator('recovery'), tenantId: row.tenantId as TenantId }, row),
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
