import { createPool } from '../../../src/database/pool.ts';
import { createAccessService } from '../../../src/domain/access/access-service.ts';
import { createAuditService } from '../../../src/domain/audit/audit-service.ts';
import { createJobFileService } from '../../../src/domain/jobs/job-file-service.ts';
import { createJobService } from '../../../src/domain/jobs/job-service.ts';
import { createTenantKeyService } from '../../../src/domain/keys/tenant-key-service.ts';
import { createRunner } from '../../../src/jobs/runner.ts';
import { createLog } from '../../../src/kernel/log.ts';
import { count } from './house.ts';

// A node that does nothing but the jobs of one kind: it writes numbers up to 20, and stops before one of them to think.

const [url, masterKey, kind, thinkBefore] = process.argv.slice(2) as [string, string, string, string];
const db = createPool(url, { max: 4, name: 'job node' });
const keys = createTenantKeyService([Buffer.from(masterKey, 'base64url')]);
const say = (text: string) => process.stdout.write(`${text}\n`);

const audit = createAuditService({ keys });
const jobs = createJobService({
  audit,
  access: createAccessService({ audit }),
  files: createJobFileService({ keys }),
  kinds: () => ({
    [kind]: {
      run: (run) =>
        count(run, 20, async (n) => {
          if (n !== Number(thinkBefore)) return;
          const woken = new Promise((resolve) => process.once('SIGUSR2', resolve));
          say(`thinks before ${n}`);
          await woken;
          say(`goes on with ${n}`);
        }).catch((error: unknown) => {
          say(`ended: ${(error as Error).message}`);
          throw error;
        }),
    },
  }),
});

const runner = createRunner({
  take: (shutdown) => jobs.take({ db, actor: { kind: 'system', name: 'jobs' }, now: new Date() }, shutdown),
  hands: 1,
  log: createLog({ level: 'info', name: 'job node' }),
  pollMs: 50,
});
runner.start();
say('looks for work');
process.once('SIGTERM', async () => {
  await runner.stop();
  await db.destroy();
});
