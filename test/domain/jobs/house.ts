import type { JobKind, JobRun } from '../../../src/domain/jobs/job.ts';
import { createJobFileService } from '../../../src/domain/jobs/job-file-service.ts';
import { createJobService } from '../../../src/domain/jobs/job-service.ts';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { type JobId, newId } from '../../../src/kernel/ids.ts';
import { operator, rooms } from '../../support/rooms.ts';

/** A house with one kind of work, which no other test and no node knows. */
export function aHouse(run: JobKind['run'], { permission }: { permission?: string } = {}) {
  const kind = `kind-${newId()}`;
  const faults: unknown[] = [];
  const jobs = createJobService({
    audit: rooms().audit,
    access: rooms().access,
    files: createJobFileService({ keys: rooms().tenantKeys }),
    kinds: () => ({ [kind]: { run, ...(permission !== undefined && { permission }) } }),
    onFault: (error) => faults.push(error),
  });
  const shutdown = new AbortController();
  const take = () => jobs.take({ ...operator(), now: new Date() }, shutdown.signal);
  return {
    jobs,
    kind,
    faults,
    shutdown,
    take,
    /** Takes a job away from a node that still believes to have it, and may renew its lease at any moment. */
    async takeOver(call: TenantCall, id: JobId): Promise<() => Promise<void>> {
      for (;;) {
        await timePasses(call, id);
        const work = await take();
        if (work) return work;
      }
    },
    /** Takes jobs and does them, one after the other, until none waits. @returns how many runs there were */
    async workAll(): Promise<number> {
      for (let runs = 0; ; runs++) {
        const work = await take();
        if (!work) return runs;
        await work();
      }
    },
  };
}

/** Lets the time pass that a dead node's lease, or a back-off, takes. */
export const timePasses = (call: TenantCall, id: JobId): Promise<unknown> =>
  inTransaction(call, (tx) =>
    tx
      .db('jobs')
      .where({ tenant_id: call.tenantId, id })
      .update({ due_at: new Date(0) }),
  );

/** Writes the numbers from the checkpoint on to `last`, a line each, one step at a time. */
export async function count(
  { checkpoint, save, write }: JobRun,
  last: number,
  before: (n: number) => unknown = () => {},
) {
  for (let n = ((checkpoint as number | undefined) ?? 0) + 1; n <= last; n++) {
    await before(n);
    await save(async (tx) => {
      await write(tx, `${n}\n`, { type: 'text/csv', name: 'numbers.csv' });
      return { checkpoint: n, done: n, total: last };
    });
  }
  return { last };
}

/** The file that a job has left. */
export async function textOf(jobs: ReturnType<typeof createJobService>, call: TenantCall, id: JobId): Promise<string> {
  return (await Array.fromAsync((await jobs.result(call, id)).text)).join('');
}

export const numbers = (last: number) => Array.from({ length: last }, (_, at) => `${at + 1}\n`).join('');

/** What the audit trail says of a tenant's jobs. */
export const auditOf = (call: TenantCall): Promise<string[]> =>
  inTransaction(call, (tx) =>
    tx
      .db('audit_events')
      .where({ tenant_id: call.tenantId })
      .whereLike('action', 'job.%')
      .orderBy('id')
      .pluck('action'),
  );
