import { inOperatorTransaction, inTransaction, type OperatorCall, type TenantCall } from '../../kernel/call.ts';
import { Failure } from '../../kernel/failure.ts';
import { type JobFileId, type JobId, newId, type TenantId } from '../../kernel/ids.ts';
import { LIMITS } from '../../kernel/limits.ts';
import { seal, unseal } from '../../kernel/secret.ts';
import type { TenantKeyService } from '../keys/tenant-key-service.ts';
import type { JobFile } from './job.ts';
import * as store from './job-file-store.ts';
import { lockTenant } from './job-store.ts';

/** What is said of a file that is received. */
export type Incoming = { type: string; name?: string | null; maxBytes?: number };

/**
 * The files of jobs: in PostgreSQL, where every node reads them, in sealed chunks of a megabyte. Writing and reading one
 * takes a chunk's memory whatever its size, and no connection while the other side is slow.
 */
export function createJobFileService({ keys }: { keys: Pick<TenantKeyService, 'keyFor'> }) {
  const place = (tenantId: TenantId, id: JobFileId, seq: number) => `${tenantId}/job_file_chunks/sealed/${id}/${seq}`;

  async function addChunk(tx: TenantCall, id: JobFileId, seq: number, plain: Buffer): Promise<void> {
    const sealed = seal(await keys.keyFor(tx, 'seal'), place(tx.tenantId, id, seq), plain);
    await store.addChunk(tx, { id, seq, sealed, bytes: plain.length });
  }

  async function* chunks(call: TenantCall, id: JobFileId, first: number, count: number): AsyncGenerator<Buffer> {
    const key = await keys.keyFor(call, 'seal');
    for (let seq = first; seq < count; seq++) {
      const sealed = await inTransaction(call, (tx) => store.findChunk(tx, id, seq));
      if (!sealed) throw new Error(`chunk ${seq} of file ${id} is gone`);
      yield unseal(key, place(call.tenantId, id, seq), sealed);
    }
  }

  /** In parts: a gigabyte is too much for one statement. */
  async function remove(call: TenantCall, id: JobFileId): Promise<void> {
    while (!(await inTransaction(call, (tx) => store.removePart(tx, id, LIMITS.jobChunksRemoved)))) {
      // until the last part is gone
    }
  }

  return {
    /**
     * Takes a file in, for a job that is made next (`jobs.create`, within an hour). What is not taken in whole is removed.
     *
     * @throws Failure `too_large`; `job_limit` when the tenant has too many files that wait; what the source throws
     */
    async receive(
      call: TenantCall,
      source: AsyncIterable<Uint8Array>,
      { type, name = null, maxBytes = LIMITS.jobFileBytes }: Incoming,
    ): Promise<JobFile> {
      const id = newId<JobFileId>();
      await inTransaction(call, async (tx) => {
        await lockTenant(tx);
        if ((await store.countInputs(tx)) >= LIMITS.jobFiles)
          throw new Failure('job_limit', { files: LIMITS.jobFiles });
        await store.insert(tx, { id, jobId: null, role: 'input', type, name });
      });
      try {
        let [seq, bytes] = [0, 0];
        for await (const chunk of inChunks(source, LIMITS.jobChunkBytes)) {
          bytes += chunk.length;
          if (bytes > maxBytes) throw new Failure('too_large', { maxBytes });
          await inTransaction(call, (tx) => addChunk(tx, id, seq, chunk));
          seq += 1;
        }
        return await inTransaction(call, (tx) => store.setComplete(tx, id));
      } catch (error) {
        // Whatever is left of it goes with the sweep.
        await remove(call, id).catch(() => {});
        throw error;
      }
    },

    /** Gives a received file to a job, in the transaction that makes it. @throws Failure `not_found` */
    async attach(tx: TenantCall, id: JobFileId, jobId: JobId): Promise<void> {
      if (!(await store.attach(tx, id, jobId))) throw new Failure('not_found', { fileId: id });
    },

    /** The bytes of the file that a job was given, from a byte on. */
    async *read(call: TenantCall, jobId: JobId, from = 0): AsyncGenerator<Buffer> {
      const file = await inTransaction(call, (tx) => store.findOf(tx, jobId, 'input'));
      if (!file) throw new Error(`job ${jobId} was given no file`);
      const first = Math.floor(from / LIMITS.jobChunkBytes);
      let skip = from % LIMITS.jobChunkBytes;
      for await (const chunk of chunks(call, file.id, first, file.chunks)) {
        if (skip < chunk.length) yield chunk.subarray(skip);
        skip = 0;
      }
    },

    /** Adds text to the file that a job leaves, in the transaction of its step. */
    async write(
      tx: TenantCall,
      jobId: JobId,
      text: string,
      { type, name }: { type: string; name: string },
    ): Promise<void> {
      if (!/^[\w-]+(\.[\w-]+)*$/.test(name)) throw new Error(`${name} is no name for a file that is downloaded`);
      const known = await store.findOf(tx, jobId, 'result');
      const file = known ?? { id: newId<JobFileId>(), chunks: 0 };
      if (!known) await store.insert(tx, { id: file.id, jobId, role: 'result', type, name });
      if (text !== '') await addChunk(tx, file.id, file.chunks, Buffer.from(text));
    },

    /** The file that a job has left; undefined where it left none, or it is gone. */
    findResult: (call: TenantCall, jobId: JobId): Promise<JobFile | undefined> =>
      inTransaction(call, (tx) => store.findOf(tx, jobId, 'result')),

    /** Its text, piece by piece. */
    async *readResult(call: TenantCall, jobId: JobId): AsyncGenerator<string> {
      const file = await inTransaction(call, (tx) => store.findOf(tx, jobId, 'result'));
      if (!file) return;
      for await (const chunk of chunks(call, file.id, 0, file.chunks)) yield chunk.toString();
    },

    /** Removes the file that a job was given. */
    async removeInput(call: TenantCall, jobId: JobId): Promise<void> {
      const file = await inTransaction(call, (tx) => store.findOf(tx, jobId, 'input'));
      if (file) await remove(call, file.id);
    },

    /** Removes files that nobody needs any more, of all tenants. @returns how many went */
    async sweep(call: OperatorCall, signal?: AbortSignal): Promise<number> {
      const found = await inOperatorTransaction(call, (tx) =>
        store.findUnneeded(tx, LIMITS.jobResultDays, LIMITS.expiryBatchRows),
      );
      let gone = 0;
      for (const { tenantId, id } of found) {
        if (signal?.aborted) break;
        await remove({ ...call, tenantId: tenantId as TenantId }, id);
        gone += 1;
      }
      return gone;
    },
  };
}

export type JobFileService = ReturnType<typeof createJobFileService>;

/** The same bytes in pieces of exactly `size`, but for the last. */
async function* inChunks(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  for await (const given of source) {
    for (let rest = given; rest.length > 0; ) {
      const piece = rest.subarray(0, size - length);
      rest = rest.subarray(piece.length);
      pieces.push(piece);
      length += piece.length;
      if (length < size) continue;
      yield Buffer.concat(pieces, length);
      pieces = [];
      length = 0;
    }
  }
  if (length > 0) yield Buffer.concat(pieces, length);
}
