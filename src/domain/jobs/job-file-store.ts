import type { OperatorCall, TenantCall } from '../../kernel/call.ts';
import type { JobFileId, JobId } from '../../kernel/ids.ts';
import type { JobFile } from './job.ts';

type Role = 'input' | 'result';

const COLUMNS = { id: 'id', type: 'type', name: 'name', bytes: 'bytes' } as const;

const toFile = (row: JobFile): JobFile => ({ ...row, bytes: Number(row.bytes) });

export async function insert(
  { db, tenantId }: TenantCall,
  file: { id: JobFileId; jobId: JobId | null; role: Role; type: string; name: string | null },
): Promise<void> {
  await db('job_files').insert({
    tenant_id: tenantId,
    id: file.id,
    job_id: file.jobId,
    role: file.role,
    type: file.type,
    name: file.name,
    touched_at: db.fn.now(),
  });
}

/** Files that were received and are still to be worked on, or are being received. */
export async function countInputs({ db, tenantId }: TenantCall): Promise<number> {
  const [row] = await db('job_files').where({ tenant_id: tenantId, role: 'input' }).count({ count: '*' });
  return Number(row?.['count']);
}

/** Adds one chunk, the `seq`-th, and counts its bytes. */
export async function addChunk(
  { db, tenantId }: TenantCall,
  { id, seq, sealed, bytes }: { id: JobFileId; seq: number; sealed: Buffer; bytes: number },
): Promise<void> {
  await db('job_file_chunks').insert({ tenant_id: tenantId, file_id: id, seq, sealed });
  await db('job_files')
    .where({ tenant_id: tenantId, id })
    .update({ bytes: db.raw('bytes + ?', [bytes]), chunks: seq + 1, touched_at: db.fn.now() });
}

export async function setComplete({ db, tenantId }: TenantCall, id: JobFileId): Promise<JobFile> {
  const [row] = await db('job_files')
    .where({ tenant_id: tenantId, id })
    .update({ complete: true })
    .returning(['id', 'type', 'name', 'bytes']);
  return toFile(row as JobFile);
}

/** Gives a received file to a job. @returns false when there is no such file, or another job has it */
export async function attach({ db, tenantId }: TenantCall, id: JobFileId, jobId: JobId): Promise<boolean> {
  const count = await db('job_files')
    .where({ tenant_id: tenantId, id, role: 'input', complete: true })
    .whereNull('job_id')
    .update({ job_id: jobId });
  return count === 1;
}

/** The file of a job, with how many chunks it has. */
export async function findOf(
  { db, tenantId }: TenantCall,
  jobId: JobId,
  role: Role,
): Promise<(JobFile & { chunks: number }) | undefined> {
  const row = await db('job_files')
    .where({ tenant_id: tenantId, job_id: jobId, role })
    .first({ ...COLUMNS, chunks: 'chunks' });
  return row && { ...row, bytes: Number(row.bytes) };
}

export async function findChunk({ db, tenantId }: TenantCall, id: JobFileId, seq: number): Promise<Buffer | undefined> {
  const row = await db('job_file_chunks').where({ tenant_id: tenantId, file_id: id, seq }).first('sealed');
  return row?.sealed;
}

/** Removes at most `limit` chunks of a file, and the file itself when there are none left. @returns whether it is gone */
export async function removePart({ db, tenantId }: TenantCall, id: JobFileId, limit: number): Promise<boolean> {
  // Two who remove one file do so one after the other.
  const row = await db('job_files').where({ tenant_id: tenantId, id }).forUpdate().first('id');
  if (!row) return true;
  const { rowCount } = await db.raw(
    `delete from job_file_chunks where tenant_id = ? and file_id = ? and seq in (
       select seq from job_file_chunks where tenant_id = ? and file_id = ? order by seq desc limit ?)`,
    [tenantId, id, tenantId, id, limit],
  );
  if (rowCount === limit) return false;
  await db('job_files').where({ tenant_id: tenantId, id }).delete();
  return true;
}

/**
 * Files of any tenants that nobody needs any more: received and never asked for within an hour, read by a job that has
 * ended, or left by one so many days ago.
 */
export async function findUnneeded(
  { db }: OperatorCall,
  resultDays: number,
  limit: number,
): Promise<{ tenantId: string; id: JobFileId }[]> {
  const { rows } = await db.raw(
    `select f.tenant_id as "tenantId", f.id from job_files f left join jobs j on j.tenant_id = f.tenant_id and j.id = f.job_id
      where (f.job_id is null and f.touched_at < now() - interval '1 hour')
         or (f.role = 'input' and j.finished_at is not null)
         or (f.role = 'result' and j.finished_at < now() - ? * interval '1 day')
      order by f.touched_at limit ?`,
    [resultDays, limit],
  );
  return rows;
}
