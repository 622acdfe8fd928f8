import { createHash, randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { inTransaction, type TenantCall } from '../../../src/kernel/call.ts';
import { LIMITS } from '../../../src/kernel/limits.ts';
import { expectFailure } from '../../support/expect.ts';
import { aTenant, operator } from '../../support/rooms.ts';
import { aHouse, count } from './house.ts';

const files = () => aHouse(async () => ({})).jobs.files;
const CSV = { type: 'text/csv' };
const CHUNK = LIMITS.jobChunkBytes;

/** A source that gives the bytes in pieces of odd sizes, as a network does. */
async function* pieces(bytes: Buffer, size = 70_001): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const rowsOf = (call: TenantCall, table: string): Promise<number> =>
  inTransaction(call, async (tx) =>
    Number((await tx.db(table).where({ tenant_id: call.tenantId }).count())[0]!['count']),
  );

describe('a file of a job', function () {
  this.timeout(180_000);

  it('is read as it came, from any byte on, and is gone when the job has ended', async () => {
    const call = await aTenant();
    const bytes = randomBytes(3 * CHUNK + 12_345);
    const starts = [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 5, bytes.length - 1, bytes.length];
    const house = aHouse(async ({ read }) => {
      for (const from of starts) {
        const got = Buffer.concat(await Array.fromAsync(read(from)));
        if (!got.equals(bytes.subarray(from))) throw new Error(`other bytes from ${from} on`);
      }
      return { same: true };
    });
    const file = await house.jobs.files.receive(call, pieces(bytes), { ...CSV, name: 'users.csv' });
    expect(file).to.include({ type: 'text/csv', name: 'users.csv', bytes: bytes.length });
    expect(await rowsOf(call, 'job_file_chunks')).to.equal(4);

    const { id } = await house.jobs.create(call, house.kind, { file: file.id });
    await house.workAll();
    expect((await house.jobs.get(call, id)).result).to.deep.equal({ same: true });
    expect([await rowsOf(call, 'job_files'), await rowsOf(call, 'job_file_chunks')]).to.deep.equal([0, 0]);
  });

  it('may be empty, or exactly of whole chunks', async () => {
    const call = await aTenant();
    for (const [length, chunks] of [
      [0, 0],
      [1, 1],
      [CHUNK, 1],
      [2 * CHUNK, 2],
    ] as const) {
      const before = await rowsOf(call, 'job_file_chunks');
      const bytes = randomBytes(length);
      const house = aHouse(async ({ read }) => ({ length: Buffer.concat(await Array.fromAsync(read())).length }));
      const file = await house.jobs.files.receive(call, pieces(bytes, CHUNK), CSV);
      expect(await rowsOf(call, 'job_file_chunks')).to.equal(before + chunks);
      const { id } = await house.jobs.create(call, house.kind, { file: file.id });
      await house.workAll();
      expect((await house.jobs.get(call, id)).result).to.deep.equal({ length });
    }
  });

  it('rests sealed, each chunk at its place', async () => {
    const call = await aTenant();
    const house = aHouse(async ({ read }) => {
      await Array.fromAsync(read());
      return {};
    });
    const file = await house.jobs.files.receive(call, pieces(Buffer.alloc(2 * CHUNK, 'canary ')), CSV);
    const { id } = await house.jobs.create(call, house.kind, { file: file.id });
    await inTransaction(call, async ({ db, tenantId }) => {
      const rows = await db('job_file_chunks').where({ tenant_id: tenantId }).orderBy('seq').select('seq', 'sealed');
      for (const { sealed } of rows) expect(sealed.includes('canary')).to.equal(false);
      for (const { seq, sealed } of rows)
        await db('job_file_chunks')
          .where({ tenant_id: tenantId, seq: 1 - seq })
          .update({ sealed });
    });
    await house.workAll();
    expect(house.faults).to.have.lengthOf(1);
    expect(await house.jobs.get(call, id)).to.include({ state: 'queued' });
  });

  it('that is larger than it may be, or breaks off, leaves nothing', async () => {
    const call = await aTenant();
    const receive = (source: AsyncIterable<Buffer>, maxBytes?: number) =>
      files().receive(call, source, { ...CSV, ...(maxBytes !== undefined && { maxBytes }) });
    const bytes = randomBytes(CHUNK + 10);
    expect(await receive(pieces(bytes), bytes.length)).to.include({ bytes: bytes.length });
    const before = await rowsOf(call, 'job_file_chunks');
    await expectFailure('too_large', receive(pieces(bytes), bytes.length - 1));
    const broken = (async function* () {
      yield* pieces(bytes);
      throw new Error('the client hung up');
    })();
    expect(String(await receive(broken).catch((error: unknown) => error))).to.include('hung up');
    expect([await rowsOf(call, 'job_files'), await rowsOf(call, 'job_file_chunks')]).to.deep.equal([1, before]);
  });

  it('is one of few that wait', async () => {
    const call = await aTenant();
    const received = [];
    for (let at = 0; at < LIMITS.jobFiles; at++)
      received.push(await files().receive(call, pieces(randomBytes(5)), CSV));
    await expectFailure('job_limit', files().receive(call, pieces(randomBytes(5)), CSV));
    const house = aHouse(async () => ({}));
    await house.jobs.create(call, house.kind, { file: received[0]!.id });
    await house.workAll();
    await files().receive(call, pieces(randomBytes(5)), CSV);
  });

  it('belongs to one job, of its own tenant', async () => {
    const [call, other] = [await aTenant(), await aTenant()];
    const house = aHouse(async () => ({}));
    const { id: file } = await house.jobs.files.receive(call, pieces(randomBytes(5)), CSV);
    await expectFailure('not_found', house.jobs.create(other, house.kind, { file }));
    await house.jobs.create(call, house.kind, { file });
    await expectFailure('not_found', house.jobs.create(call, house.kind, { file }));
  });

  it('takes the memory of some chunks while it comes and goes, whatever its size', async () => {
    const call = await aTenant();
    const size = 32 * CHUNK;
    const collect = garbageCollector();
    const alive: number[] = [];
    /** What is alive now and then; what has just died may still be counted. */
    const look = () => {
      collect();
      alive.push(process.memoryUsage().arrayBuffers);
    };
    const block = randomBytes(65_536);
    const [sent, got] = [createHash('sha256'), createHash('sha256')];
    const source = (async function* () {
      look();
      for (let at = 0; at < size; at += block.length) {
        sent.update(block);
        yield block;
        if (at % (8 * CHUNK) === 0) look();
      }
    })();
    const house = aHouse(async ({ read }) => {
      let at = 0;
      for await (const chunk of read()) {
        got.update(chunk);
        if (at++ % 8 === 0) look();
      }
      return {};
    });
    const file = await house.jobs.files.receive(call, source, CSV);
    await house.jobs.create(call, house.kind, { file: file.id });
    await house.workAll();
    expect(got.digest('hex')).to.equal(sent.digest('hex'));
    const usual = alive.sort((a, b) => a - b)[alive.length >> 1]!;
    expect(alive.length).to.be.greaterThan(6);
    expect(usual - alive[0]!).to.be.lessThan(8 * CHUNK);
  });
});

/** The collector of this process, which is not shown without a flag. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

describe('what a job leaves', () => {
  it('is text that comes in the order in which it was written', async () => {
    const call = await aTenant();
    const house = aHouse(async ({ save, write }) => {
      for (const line of ['{"a":"ä"}\n', '', '{"b":2}\n'])
        await save(async (tx) => {
          await write(tx, line, { type: 'application/x-ndjson', name: 'export.ndjson' });
          return {};
        });
      return {};
    });
    const { id } = await house.jobs.create(call, house.kind);
    await expectFailure('not_found', house.jobs.result(call, id));
    await house.workAll();
    const { type, name, text } = await house.jobs.result(call, id);
    expect([type, name, (await Array.fromAsync(text)).join('')]).to.deep.equal([
      'application/x-ndjson',
      'export.ndjson',
      '{"a":"ä"}\n{"b":2}\n',
    ]);
  });

  it('is kept for a week, the job itself for a month, and what nobody asked for an hour', async () => {
    const call = await aTenant();
    const house = aHouse((run) => count(run, 2));
    const { id } = await house.jobs.create(call, house.kind);
    await house.workAll();
    const { id: waiting } = await house.jobs.files.receive(call, pieces(randomBytes(5)), CSV);
    const days = (count: number) => new Date(Date.now() - count * 86_400_000);
    const age = (table: string, where: object, values: object) =>
      inTransaction(call, (tx) =>
        tx
          .db(table)
          .where({ tenant_id: call.tenantId, ...where })
          .update(values),
      );
    const sweep = () => house.jobs.sweep({ ...operator(), now: new Date() });

    await age('jobs', { id }, { finished_at: days(LIMITS.jobResultDays - 0.1) });
    await age('job_files', { id: waiting }, { touched_at: new Date(Date.now() - 3_500_000) });
    await sweep();
    expect(await rowsOf(call, 'job_files')).to.equal(2);

    await age('jobs', { id }, { finished_at: days(LIMITS.jobResultDays + 0.1) });
    await age('job_files', { id: waiting }, { touched_at: new Date(Date.now() - 3_700_000) });
    await sweep();
    expect(await rowsOf(call, 'job_files')).to.equal(0);
    await expectFailure('not_found', house.jobs.result(call, id));

    await age('jobs', { id }, { finished_at: days(LIMITS.jobDays - 0.1) });
    await sweep();
    expect(await house.jobs.get(call, id)).to.include({ state: 'succeeded' });
    await age('jobs', { id }, { finished_at: days(LIMITS.jobDays + 0.1) });
    await sweep();
    await expectFailure('job_not_found', house.jobs.get(call, id));
  });
});
