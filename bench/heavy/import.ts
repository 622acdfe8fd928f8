import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { migrate } from '../../src/database/migrate.ts';
import { createPool } from '../../src/database/pool.ts';
import { isFinished, type Job } from '../../src/domain/jobs/job.ts';
import { inTransaction, type OperatorCall, type TenantCall } from '../../src/kernel/call.ts';
import type { JobId } from '../../src/kernel/ids.ts';
import type { BenchServer } from '../database.ts';
import { rounded, table } from '../numbers.ts';
import { benchRooms } from './user-rooms.ts';

export type ImportOptions = {
  users: number;
  /** The lease of a node that was killed is cut short, so that a small run need not wait for it. */
  cutLease?: boolean;
};

export type ImportFigures = {
  users: number;
  megabytes: number;
  receiveSeconds: number;
  killedAt: number;
  seconds: number;
  peakMb: number;
  exportSeconds: number;
  created: number;
  passwords: number;
  records: number;
};

const NODE = fileURLToPath(new URL('./import-node.ts', import.meta.url));

/** A file of users with hashes, imported by a node that is killed in the middle, and by another that goes on. */
export async function heavyImport(
  server: BenchServer,
  { users, cutLease = false }: ImportOptions,
): Promise<ImportFigures> {
  const url = await server.create();
  const db = createPool(url, { max: 4, name: 'heavy' });
  const children = new Set<ChildProcess>();
  try {
    await migrate(db);
    const masterKey = randomBytes(32);
    const { tenants, jobs, userTransfer } = benchRooms(masterKey);
    const operator: OperatorCall = { db, actor: { kind: 'system', name: 'heavy' }, now: new Date() };
    const { id: tenantId } = await tenants.create(operator, { slug: 'acme', name: 'Acme' });
    const call: TenantCall = { ...operator, tenantId };

    const receiving = performance.now();
    const received = await userTransfer.receive(call, fileOf(users), { format: 'ndjson' });
    const receiveSeconds = since(receiving);
    const { id } = await userTransfer.startImport(call, received);

    const node = () => {
      const child = spawn(process.execPath, [NODE, url, masterKey.toString('base64url'), id], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.add(child);
      return child;
    };
    const began = performance.now();
    const first = node();
    const killed = await until(
      () => jobs.get(call, id),
      (job) => isFinished(job) || job.done > received.bytes / 2,
    );
    first.kill('SIGKILL');
    if (cutLease) await cut(call, id);
    const second = node();
    const said = await text(second.stdout!);
    const job = await until(() => jobs.get(call, id), isFinished);
    const seconds = since(began);

    const exporting = performance.now();
    for await (const _ of await userTransfer.export(call, { format: 'ndjson', withHashes: true }));
    return {
      ...{ users, megabytes: rounded(received.bytes / 2 ** 20, 1), receiveSeconds, seconds },
      killedAt: rounded(killed.done / received.bytes, 2),
      peakMb: (JSON.parse(said) as { peakMb: number }).peakMb,
      exportSeconds: since(exporting),
      created: Number(job.result?.['created'] ?? -1),
      ...(await countsOf(call)),
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await db.destroy();
  }
}

const since = (began: number) => rounded((performance.now() - began) / 1000, 1);

/** Lines with salted SHA-1, which costs nothing to make. */
async function* fileOf(users: number): AsyncGenerator<Buffer> {
  let lines = '';
  for (let n = 0; n < users; n++) {
    const salt = randomBytes(8);
    const hash = Buffer.concat([createHash('sha1').update(`password ${n}`).update(salt).digest(), salt]);
    const line = { email: `user${n}@acme.test`, firstName: `First${n % 8009}`, lastName: `Last${n % 1009}` };
    lines += `${JSON.stringify({ ...line, passwordHash: `{SSHA}${hash.toString('base64')}` })}\n`;
    if (lines.length < 1e6 && n < users - 1) continue;
    yield Buffer.from(lines);
    lines = '';
  }
}

async function until(look: () => Promise<Job>, isSo: (job: Job) => boolean): Promise<Job> {
  for (;;) {
    const job = await look();
    if (isSo(job)) return job;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const cut = (call: TenantCall, id: JobId) =>
  inTransaction(call, ({ db, tenantId }) =>
    db('jobs')
      .where({ tenant_id: tenantId, id })
      .update({ due_at: new Date(0) }),
  );

/** Every user once, with a password and a record of the audit trail. */
async function countsOf(call: TenantCall): Promise<{ passwords: number; records: number }> {
  return inTransaction(call, async ({ db, tenantId }) => {
    await db.raw('set local statement_timeout = 0');
    const { rows } = await db.raw(
      `select (select count(*) from passwords where tenant_id = ?) as passwords,
        (select count(*) from audit_events where tenant_id = ? and action = 'user.created') as records`,
      [tenantId, tenantId],
    );
    return { passwords: Number(rows[0].passwords), records: Number(rows[0].records) };
  });
}

export const reportImport = (figures: ImportFigures): string =>
  table(
    ['import', ''],
    [
      ['users', figures.users],
      ['file, MB', figures.megabytes],
      ['receive, s', figures.receiveSeconds],
      ['killed with -9 at', figures.killedAt],
      ['import with the dead node’s lease, s', figures.seconds],
      ['most memory of the node that went on, MB', figures.peakMb],
      ['export with hashes, s', figures.exportSeconds],
      ['made / passwords / audit records', `${figures.created} / ${figures.passwords} / ${figures.records}`],
    ],
  );
